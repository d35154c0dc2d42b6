// Where this is not neat-python's result to the last bit:
// - a power (square, cube) that overflows is an infinity and is reported; CPython raises OverflowError;
// - the median of values with a NaN among them is NaN; CPython's depends on the order in which its sort met them;
// - of a positive and a negative zero, the median may take the other one.
#include "neat.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace playthrough::neat {

// ---------------------------------------------------------------------------------------------------------- names

Names::Names(std::vector<std::string> built_in)
    : names_(std::move(built_in)), num_built_in_(static_cast<std::int32_t>(names_.size())) {
    for (std::size_t i = 0; i < names_.size(); ++i) ids_[names_[i]] = static_cast<std::int32_t>(i);
}

std::int32_t Names::id(std::string_view name) {
    auto [entry, is_new] = ids_.try_emplace(std::string(name), static_cast<std::int32_t>(names_.size()));
    if (is_new) names_.emplace_back(name);
    return entry->second;
}

Names& activations() {
    static Names names({"sigmoid", "tanh", "sin", "gauss", "relu", "elu", "lelu", "selu", "softplus", "identity",
                        "clamped", "inv", "log", "exp", "abs", "hat", "square", "cube"});
    return names;
}

Names& aggregations() {
    static Names names({"product", "sum", "max", "min", "maxabs", "median", "mean"});
    return names;
}

// -------------------------------------------------------------------------------------------------- genetic distance

namespace {

std::uint64_t connection_id(std::int32_t source, std::int32_t target) {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(source)) << 32) | static_cast<std::uint32_t>(target);
}

std::uint64_t spread(std::uint64_t key) {
    key *= 0x9E3779B97F4A7C15ull;
    return key ^ (key >> 32);
}

}  // namespace

std::int32_t KeyNumbers::number(std::uint64_t key) {
    if (2 * (keys_.size() + 1) > slots_.size()) grow();
    const std::uint64_t mask = slots_.size() - 1;
    std::uint64_t slot = spread(key) & mask;
    for (; slots_[slot] >= 0; slot = (slot + 1) & mask)
        if (keys_[static_cast<std::size_t>(slots_[slot])] == key) return slots_[slot];
    slots_[slot] = static_cast<std::int32_t>(keys_.size());
    keys_.push_back(key);
    return slots_[slot];
}

void KeyNumbers::grow() {
    slots_.assign(std::max<std::size_t>(64, 2 * slots_.size()), -1);
    const std::uint64_t mask = slots_.size() - 1;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
        std::uint64_t slot = spread(keys_[i]) & mask;
        while (slots_[slot] >= 0) slot = (slot + 1) & mask;
        slots_[slot] = static_cast<std::int32_t>(i);
    }
}

void Genes::Places::find() {
    std::int32_t highest = -1;
    for (const std::int32_t number : numbers) highest = std::max(highest, number);
    positions.assign(static_cast<std::size_t>(highest + 1), -1);
    for (std::size_t i = 0; i < numbers.size(); ++i)
        positions[static_cast<std::size_t>(numbers[i])] = static_cast<std::int32_t>(i);
}

std::size_t Genes::Places::match(const Places& other, std::vector<std::int32_t>& found) const {
    found.resize(other.numbers.size());
    const auto known = static_cast<std::uint32_t>(positions.size());
    std::size_t num_found = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto number = static_cast<std::uint32_t>(other.numbers[i]);
        found[i] = number < known ? positions[number] : -1;
        num_found += found[i] >= 0;
    }
    return num_found;
}

void Genes::index() {
    static KeyNumbers node_numbers, connection_numbers;
    nodes_.numbers.resize(node_key.size());
    for (std::size_t i = 0; i < node_key.size(); ++i)
        nodes_.numbers[i] = node_numbers.number(static_cast<std::uint32_t>(node_key[i]));
    nodes_.find();
    connections_.numbers.resize(source.size());
    for (std::size_t i = 0; i < source.size(); ++i)
        connections_.numbers[i] = connection_numbers.number(connection_id(source[i], target[i]));
    connections_.find();
}

std::size_t Genes::num_enabled() const {
    return static_cast<std::size_t>(std::count(enabled.begin(), enabled.end(), std::uint8_t{1}));
}

double Genes::distance(const Genes& other, double disjoint_coefficient, double weight_coefficient) const {
    static thread_local std::vector<std::int32_t> found;

    // Both sums run in the order of this genome's genes, as Python's do.
    double node_distance = 0.0;
    if (!node_key.empty() || !other.node_key.empty()) {
        const std::size_t num_shared = other.nodes_.match(nodes_, found);
        for (std::size_t i = 0; i < node_key.size(); ++i) {
            if (found[i] < 0) continue;
            const auto j = static_cast<std::size_t>(found[i]);
            double d = std::fabs(bias[i] - other.bias[j]) + std::fabs(response[i] - other.response[j]);
            d += std::fabs(time_constant[i] - other.time_constant[j]);
            if (activation[i] != other.activation[j]) d += 1.0;
            if (aggregation[i] != other.aggregation[j]) d += 1.0;
            node_distance += d * weight_coefficient;
        }
        const auto num_disjoint = static_cast<double>(node_key.size() + other.node_key.size() - 2 * num_shared);
        const auto longest = static_cast<double>(std::max(node_key.size(), other.node_key.size()));
        node_distance = (node_distance + disjoint_coefficient * num_disjoint) / longest;
    }

    double connection_distance = 0.0;
    if (!source.empty() || !other.source.empty()) {
        const std::size_t num_shared = other.connections_.match(connections_, found);
        if (num_shared > 0) {
            // Without a branch that nobody could predict: adding 0 for a gene that is not shared changes no bit.
            for (std::size_t i = 0; i < source.size(); ++i) {
                const auto j = static_cast<std::size_t>(std::max(found[i], 0));
                const double differs = enabled[i] != other.enabled[j] ? 1.0 : 0.0;
                const double d = (std::fabs(weight[i] - other.weight[j]) + differs) * weight_coefficient;
                connection_distance += found[i] >= 0 ? d : 0.0;
            }
        }
        const auto num_disjoint = static_cast<double>(source.size() + other.source.size() - 2 * num_shared);
        const auto longest = static_cast<double>(std::max(source.size(), other.source.size()));
        connection_distance = (connection_distance + disjoint_coefficient * num_disjoint) / longest;
    }
    return node_distance + connection_distance;
}

// ------------------------------------------------------------------------------------- activation and aggregation

namespace {

// Python's min(limit, z) and max(limit, z): the first stays unless the second is strictly better, so NaN never wins.
double python_min(double first, double second) { return second < first ? second : first; }
double python_max(double first, double second) { return second > first ? second : first; }
double clamp(double z, double limit) { return python_max(-limit, python_min(limit, z)); }

// z ** 2 in CPython is the C library's pow, which a compiler would turn into z * z if it saw the exponent.
double power(double z, double exponent) {
    volatile double opaque = exponent;
    return std::pow(z, opaque);
}

double activate_node(Activation activation, double z, bool& overflowed) {
    switch (activation) {
        case Activation::sigmoid: return 1.0 / (1.0 + std::exp(-clamp(5.0 * z, 60.0)));
        case Activation::tanh: return std::tanh(clamp(2.5 * z, 60.0));
        case Activation::sin: return std::sin(clamp(5.0 * z, 60.0));
        case Activation::gauss: return std::exp(-5.0 * power(clamp(z, 3.4), 2.0));
        case Activation::relu: return z > 0.0 ? z : 0.0;
        case Activation::elu: return z > 0.0 ? z : std::exp(z) - 1.0;
        case Activation::lelu: return z > 0.0 ? z : 0.005 * z;
        case Activation::selu: {
            const double lam = 1.0507009873554804934193349852946, alpha = 1.6732632423543772848170429916717;
            return z > 0.0 ? lam * z : lam * alpha * (std::exp(z) - 1.0);
        }
        case Activation::softplus: return 0.2 * std::log(1.0 + std::exp(clamp(5.0 * z, 60.0)));
        case Activation::identity: return z;
        case Activation::clamped: return clamp(z, 1.0);
        case Activation::inv: return z == 0.0 ? 0.0 : 1.0 / z;
        case Activation::log: return std::log(python_max(1e-7, z));
        case Activation::exp: return std::exp(clamp(z, 60.0));
        case Activation::abs: return std::fabs(z);
        case Activation::hat: return python_max(0.0, 1.0 - std::fabs(z));
        case Activation::square:
        case Activation::cube: {
            const double result = power(z, activation == Activation::square ? 2.0 : 3.0);
            if (std::isinf(result) && std::isfinite(z)) overflowed = true;
            return result;
        }
    }
    return 0.0;
}

// How a node's weighted inputs are reduced, one at a time and in order. Each starts from the first.
struct Sum {
    double total;
    explicit Sum(double first) : total(0.0 + first) {}
    void add(double x) { total += x; }
    double result() const { return total; }
};
// sum() of floats since CPython 3.12: Neumaier's compensated summation.
struct CompensatedSum {
    double total, compensation = 0.0;
    explicit CompensatedSum(double first) : total(0.0 + first) {}
    void add(double x) {
        const double t = total + x;
        compensation += std::fabs(total) >= std::fabs(x) ? (total - t) + x : (x - t) + total;
        total = t;
    }
    double result() const {
        return compensation != 0.0 && std::isfinite(compensation) ? total + compensation : total;
    }
};
struct Product {
    double total;
    explicit Product(double first) : total(1.0 * first) {}
    void add(double x) { total *= x; }
    double result() const { return total; }
};
struct Max {
    double best;
    explicit Max(double first) : best(first) {}
    void add(double x) { best = x > best ? x : best; }
    double result() const { return best; }
};
struct Min {
    double best;
    explicit Min(double first) : best(first) {}
    void add(double x) { best = x < best ? x : best; }
    double result() const { return best; }
};
struct MaxAbs {
    double best, best_size;
    explicit MaxAbs(double first) : best(first), best_size(std::fabs(first)) {}
    void add(double x) {
        const double size = std::fabs(x);
        if (size > best_size) {  // rare, so a branch is better than two selections
            best_size = size;
            best = x;
        }
    }
    double result() const { return best; }
};

struct Links {
    const std::int32_t* sources;
    const double* weights;
    std::int32_t count;  // at least 1
};

template <class A>
double reduce(const double* values, const Links& links) {
    A a(values[links.sources[0]] * links.weights[0]);
    for (std::int32_t k = 1; k < links.count; ++k) a.add(values[links.sources[k]] * links.weights[k]);
    return a.result();
}

// Each reduction is one chain of dependent operations, so the processor waits for most of the time. Two nodes at
// once, each still in its own order, nearly halve that.
template <class A, class B>
void reduce_two(const double* values, const Links& x, const Links& y, double* result_x, double* result_y) {
    A a(values[x.sources[0]] * x.weights[0]);
    B b(values[y.sources[0]] * y.weights[0]);
    const std::int32_t shared = std::min(x.count, y.count);
    std::int32_t k = 1;
    for (; k < shared; ++k) {
        a.add(values[x.sources[k]] * x.weights[k]);
        b.add(values[y.sources[k]] * y.weights[k]);
    }
    for (std::int32_t i = k; i < x.count; ++i) a.add(values[x.sources[i]] * x.weights[i]);
    for (std::int32_t i = k; i < y.count; ++i) b.add(values[y.sources[i]] * y.weights[i]);
    *result_x = a.result();
    *result_y = b.result();
}

using ReduceTwo = void (*)(const double*, const Links&, const Links&, double*, double*);
template <class A>
constexpr std::array<ReduceTwo, 6> row() {
    return {reduce_two<A, Sum>, reduce_two<A, CompensatedSum>, reduce_two<A, Product>,
            reduce_two<A, Max>, reduce_two<A, Min>,            reduce_two<A, MaxAbs>};
}
constexpr std::array<std::array<ReduceTwo, 6>, 6> reduce_two_table{row<Sum>(), row<CompensatedSum>(), row<Product>(),
                                                                   row<Max>(), row<Min>(),            row<MaxAbs>()};

// The row of the table, or -1 for the median, which is no running reduction.
int reduction(Aggregation aggregation, bool compensated) {
    switch (aggregation) {
        case Aggregation::sum:
        case Aggregation::mean: return compensated ? 1 : 0;
        case Aggregation::product: return 2;
        case Aggregation::max: return 3;
        case Aggregation::min: return 4;
        case Aggregation::maxabs: return 5;
        case Aggregation::median: return -1;
    }
    return -1;
}

// The value that would stand at `place` if x were sorted. On numbers that change at each step std::nth_element mostly
// waits for mispredicted branches; this partitions without any and takes less than half the time.
double select(const double* x, std::int32_t count, std::int32_t place, double* low, double* high) {
    for (;;) {
        const double a = x[0], b = x[count / 2], c = x[count - 1];
        const double pivot = std::max(std::min(a, b), std::min(std::max(a, b), c));
        std::int32_t num_low = 0, num_high = 0;
        for (std::int32_t i = 0; i < count; ++i) {
            const double value = x[i];  // read first: x may be low or high, which are never ahead
            low[num_low] = value;
            num_low += value < pivot;
            high[num_high] = value;
            num_high += value > pivot;
        }
        if (place < num_low) {
            x = low;
            count = num_low;
        } else if (place < count - num_high) {
            return pivot;
        } else {
            place -= count - num_high;
            x = high;
            count = num_high;
        }
    }
}

// `work` has room for twice as many values.
double median(const double* x, std::int32_t count, double* work, bool compensated) {
    if (count <= 2) {
        double total = 0.0 + x[0];
        if (count == 2) {
            if (compensated) {
                CompensatedSum sum(x[0]);
                sum.add(x[1]);
                total = sum.result();
            } else {
                total += x[1];
            }
        }
        return total / count;
    }
    bool has_nan = false;
    for (std::int32_t i = 0; i < count; ++i) has_nan |= std::isnan(x[i]);
    if (has_nan) return std::numeric_limits<double>::quiet_NaN();
    const std::int32_t middle = count / 2;
    const double upper = select(x, count, middle, work, work + count);
    if (count % 2 == 1) return upper;
    std::int32_t num_below = 0;
    double below = -std::numeric_limits<double>::infinity();
    for (std::int32_t i = 0; i < count; ++i) {
        num_below += x[i] < upper;
        below = x[i] < upper && x[i] > below ? x[i] : below;
    }
    return ((num_below == middle ? below : upper) + upper) / 2.0;
}

}  // namespace

// --------------------------------------------------------------------------------------------------------- network

Network::Network(const Genes& genes, std::int32_t num_inputs, std::int32_t num_outputs, bool feed_forward,
                 bool compensated_sum)
    : num_inputs_(num_inputs), feed_forward_(feed_forward), compensated_sum_(compensated_sum) {
    if (num_inputs < 1 || num_outputs < 1) throw std::invalid_argument("a network needs inputs and outputs");
    const auto is_input = [&](std::int32_t key) { return key < 0 && key >= -num_inputs; };
    const std::size_t num_genes = genes.source.size();

    // Slots: every key that is not an input, outputs first. Sources that no gene describes stay 0, as in neat-python.
    std::unordered_map<std::int32_t, std::int32_t> slots;
    const auto slot_of = [&](std::int32_t key) {
        const auto [entry, is_new] = slots.try_emplace(key, static_cast<std::int32_t>(slot_keys_.size()));
        if (is_new) slot_keys_.push_back(key);
        return entry->second;
    };
    for (std::int32_t key = 0; key < num_outputs; ++key) output_slots_.push_back(num_inputs + slot_of(key));

    std::unordered_map<std::int32_t, std::size_t> gene_of;
    for (std::size_t i = 0; i < genes.node_key.size(); ++i) gene_of[genes.node_key[i]] = i;

    // required_for_output: whatever leads to an output. The feed-forward network looks at enabled connections only,
    // the recurrent one at all of them.
    std::unordered_map<std::int32_t, std::vector<std::int32_t>> sources_of;
    for (std::size_t c = 0; c < num_genes; ++c)
        if ((!feed_forward || genes.enabled[c]) && !is_input(genes.source[c]))
            sources_of[genes.target[c]].push_back(genes.source[c]);
    std::unordered_map<std::int32_t, bool> required;
    std::vector<std::int32_t> open;
    for (std::int32_t key = 0; key < num_outputs; ++key) {
        required[key] = true;
        open.push_back(key);
    }
    while (!open.empty()) {
        const std::int32_t key = open.back();
        open.pop_back();
        for (const std::int32_t source : sources_of[key])
            if (required.try_emplace(source, true).second) open.push_back(source);
    }

    // The links of each node, in the order of the genes. The recurrent network also keeps what hangs on a required
    // node without leading anywhere.
    std::vector<std::size_t> kept;
    for (std::size_t c = 0; c < num_genes; ++c) {
        if (!genes.enabled[c]) continue;
        const bool target_required = required.count(genes.target[c]) > 0;
        if (feed_forward ? target_required : target_required || required.count(genes.source[c]) > 0) kept.push_back(c);
    }
    std::vector<std::int32_t> targets;  // in the order in which they first appear
    std::unordered_map<std::int32_t, std::vector<std::size_t>> links_of;
    for (const std::size_t c : kept) {
        auto& links = links_of[genes.target[c]];
        if (links.empty()) targets.push_back(genes.target[c]);
        links.push_back(c);
    }

    // Stages. Recurrent: all nodes at once, from the previous values. Feed-forward: first the nodes without inputs,
    // then each node once all that it reads is known; a node on a cycle never is, and stays 0.
    std::vector<std::vector<std::int32_t>> stages;
    if (!feed_forward) {
        stages.push_back(targets);
    } else {
        std::unordered_map<std::int32_t, std::int32_t> waiting;
        std::unordered_map<std::int32_t, std::vector<std::int32_t>> readers;
        std::vector<std::int32_t> ready;
        for (const auto& entry : required)
            if (links_of.find(entry.first) == links_of.end()) ready.push_back(entry.first);
        std::sort(ready.begin(), ready.end());
        std::vector<std::int32_t> next;
        for (const std::int32_t target : targets) {
            std::int32_t count = 0;
            for (const std::size_t c : links_of[target])
                if (!is_input(genes.source[c])) {
                    ++count;
                    readers[genes.source[c]].push_back(target);
                }
            waiting[target] = count;
            if (count == 0) next.push_back(target);
        }
        // Nodes without inputs and nodes that read inputs alone share the first stage: none reads another.
        next.insert(next.end(), ready.begin(), ready.end());
        while (!next.empty()) {
            stages.push_back(next);
            next.clear();
            for (const std::int32_t key : stages.back())
                for (const std::int32_t reader : readers[key])
                    if (--waiting[reader] == 0) next.push_back(reader);
        }
    }

    for (auto& stage : stages) {
        // Long nodes beside long ones, so that pairs run together to the end; medians last.
        std::stable_sort(stage.begin(), stage.end(), [&](std::int32_t x, std::int32_t y) {
            const auto order = [&](std::int32_t key) {
                const auto gene = gene_of.find(key);
                const bool is_median = gene != gene_of.end() && genes.aggregation[gene->second] ==
                                                                    static_cast<std::int32_t>(Aggregation::median);
                return std::make_pair(is_median, -static_cast<std::int64_t>(links_of[key].size()));
            };
            return order(x) < order(y);
        });
        for (const std::int32_t key : stage) {
            const auto gene = gene_of.find(key);
            if (gene == gene_of.end())
                throw std::invalid_argument("the genome has connections to node " + std::to_string(key) +
                                            ", but no gene for it");
            const std::size_t g = gene->second;
            if (genes.activation[g] >= activations().num_built_in())
                throw std::invalid_argument("node " + std::to_string(key) + " has the activation '" +
                                            activations().name(genes.activation[g]) + "', which is not built in");
            if (genes.aggregation[g] >= aggregations().num_built_in())
                throw std::invalid_argument("node " + std::to_string(key) + " has the aggregation '" +
                                            aggregations().name(genes.aggregation[g]) + "', which is not built in");
            Node node{};
            node.bias = genes.bias[g];
            node.response = genes.response[g];
            node.activation = static_cast<Activation>(genes.activation[g]);
            node.aggregation = static_cast<Aggregation>(genes.aggregation[g]);
            node.slot = num_inputs + slot_of(key);
            node.first = static_cast<std::int32_t>(sources_.size());
            for (const std::size_t c : links_of[key]) {
                const std::int32_t source = genes.source[c];
                sources_.push_back(is_input(source) ? -source - 1 : num_inputs + slot_of(source));
                weights_.push_back(genes.weight[c]);
            }
            node.count = static_cast<std::int32_t>(sources_.size()) - node.first;
            longest_ = std::max(longest_, node.count);
            nodes_.push_back(node);
        }
        stage_ends_.push_back(static_cast<std::int32_t>(nodes_.size()));
    }
}

double Network::aggregate(const Node& node, const double* values, double* products) const {
    if (node.count == 0) return node.aggregation == Aggregation::product ? 1.0 : 0.0;
    const Links links{sources_.data() + node.first, weights_.data() + node.first, node.count};
    switch (node.aggregation) {
        case Aggregation::product: return reduce<Product>(values, links);
        case Aggregation::sum:
        case Aggregation::mean:
            return compensated_sum_ ? reduce<CompensatedSum>(values, links) : reduce<Sum>(values, links);
        case Aggregation::max: return reduce<Max>(values, links);
        case Aggregation::min: return reduce<Min>(values, links);
        case Aggregation::maxabs: return reduce<MaxAbs>(values, links);
        case Aggregation::median:
            for (std::int32_t k = 0; k < links.count; ++k) products[k] = values[links.sources[k]] * links.weights[k];
            return median(products, links.count, products + links.count, compensated_sum_);
    }
    return 0.0;
}

bool Network::activate(double* values, std::vector<double>& scratch) const {
    scratch.resize(nodes_.size() + 3 * static_cast<std::size_t>(longest_));
    double* const results = scratch.data();
    double* const products = results + nodes_.size();
    bool overflowed = false;
    std::int32_t begin = 0;
    for (const std::int32_t end : stage_ends_) {
        for (std::int32_t i = begin; i < end;) {
            const Node& node = nodes_[static_cast<std::size_t>(i)];
            if (i + 1 < end && node.count > 0) {
                const Node& next = nodes_[static_cast<std::size_t>(i) + 1];
                const int x = reduction(node.aggregation, compensated_sum_);
                const int y = reduction(next.aggregation, compensated_sum_);
                if (x >= 0 && y >= 0 && next.count > 0) {
                    reduce_two_table[static_cast<std::size_t>(x)][static_cast<std::size_t>(y)](
                        values, {sources_.data() + node.first, weights_.data() + node.first, node.count},
                        {sources_.data() + next.first, weights_.data() + next.first, next.count}, results + i,
                        results + i + 1);
                    i += 2;
                    continue;
                }
            }
            results[i] = aggregate(node, values, products);
            ++i;
        }
        for (std::int32_t i = begin; i < end; ++i) {
            const Node& node = nodes_[static_cast<std::size_t>(i)];
            double total = results[i];
            if (node.aggregation == Aggregation::mean && node.count > 0) total /= node.count;
            results[i] = activate_node(node.activation, node.bias + node.response * total, overflowed);
        }
        // Only now, because the nodes of a recurrent network read each other's previous values.
        for (std::int32_t i = begin; i < end; ++i) values[nodes_[static_cast<std::size_t>(i)].slot] = results[i];
        begin = end;
    }
    return overflowed;
}

// ----------------------------------------------------------------------------------------------------------- batch

namespace {
// Below this many links in all, waking a thread costs more than it saves.
constexpr std::size_t links_worth_a_thread = 30'000;
}  // namespace

NetworkBatch::NetworkBatch(std::int32_t num_lanes, std::int32_t num_inputs, std::int32_t num_outputs,
                           std::int32_t num_threads)
    : num_inputs_(num_inputs), num_outputs_(num_outputs) {
    if (num_lanes < 1 || num_inputs < 1 || num_outputs < 1 || num_threads < 1)
        throw std::invalid_argument("num_lanes, num_inputs, num_outputs and num_threads must be at least 1");
    lanes_.resize(static_cast<std::size_t>(num_lanes));
    num_threads_ = static_cast<std::size_t>(std::min(num_threads, num_lanes));
}

NetworkBatch::~NetworkBatch() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    start_.notify_all();
    for (auto& thread : threads_) thread.join();
}

std::size_t NetworkBatch::index(std::int32_t lane) const {
    if (lane < 0 || lane >= num_lanes())
        throw std::out_of_range("lane " + std::to_string(lane) + " of " + std::to_string(num_lanes()));
    return static_cast<std::size_t>(lane);
}

void NetworkBatch::set_network(std::int32_t lane, std::shared_ptr<const Network> network) {
    Lane& place = lanes_[index(lane)];
    if (network && (network->num_inputs() != num_inputs_ || network->num_outputs() != num_outputs_))
        throw std::invalid_argument("expected a network with " + std::to_string(num_inputs_) + " inputs and " +
                                    std::to_string(num_outputs_) + " outputs, got " +
                                    std::to_string(network->num_inputs()) + " and " +
                                    std::to_string(network->num_outputs()));
    place.values.assign(network ? network->num_values() : 0, 0.0);
    place.network = std::move(network);
}

void NetworkBatch::reset(std::int32_t lane) {
    auto& values = lanes_[index(lane)].values;
    std::fill(values.begin(), values.end(), 0.0);
}

void NetworkBatch::run_lane(std::size_t number, const void* inputs, InputType type, double* outputs) {
    Lane& lane = lanes_[number];
    const auto count = static_cast<std::size_t>(num_inputs_);
    double* const values = lane.values.data();
    const std::size_t first = number * count;
    switch (type) {
        case InputType::float64: std::copy_n(static_cast<const double*>(inputs) + first, count, values); break;
        case InputType::float32: std::copy_n(static_cast<const float*>(inputs) + first, count, values); break;
        case InputType::uint8: std::copy_n(static_cast<const std::uint8_t*>(inputs) + first, count, values); break;
    }
    lane.overflowed = lane.network->activate(values, lane.scratch);
    double* output = outputs + number * static_cast<std::size_t>(num_outputs_);
    for (const std::int32_t slot : lane.network->output_slots()) *output++ = values[slot];
}

std::int32_t NetworkBatch::activate(const void* inputs, InputType type, double* outputs, const std::uint8_t* mask) {
    std::size_t num_links = 0;
    for (std::size_t i = 0; i < lanes_.size(); ++i) {
        if (mask && !mask[i]) continue;
        if (!lanes_[i].network) throw std::invalid_argument("lane " + std::to_string(i) + " has no network");
        num_links += lanes_[i].network->num_links();
    }
    const std::size_t useful = num_threads_ > 1 && num_links >= links_worth_a_thread ? num_threads_ : 1;
    const auto share = [&](std::size_t thread) {
        for (std::size_t i = thread; i < lanes_.size(); i += useful)
            if (!mask || mask[i]) run_lane(i, inputs, type, outputs);
    };
    if (useful == 1) {
        share(0);
    } else {
        while (threads_.size() + 1 < useful)
            threads_.emplace_back(&NetworkBatch::work, this, threads_.size() + 1, round_);
        {
            const std::lock_guard lock(mutex_);
            job_ = share;
            running_ = useful - 1;
            ++round_;
        }
        start_.notify_all();
        share(0);
        std::unique_lock lock(mutex_);
        finish_.wait(lock, [&] { return running_ == 0; });
        job_ = nullptr;
    }
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        if ((!mask || mask[i]) && lanes_[i].overflowed) return static_cast<std::int32_t>(i);
    return -1;
}

void NetworkBatch::work(std::size_t thread, std::uint64_t last_round) {
    std::unique_lock lock(mutex_);
    for (;;) {
        start_.wait(lock, [&] { return stopping_ || round_ != last_round; });
        if (stopping_) return;
        last_round = round_;
        const auto& job = job_;
        lock.unlock();
        job(thread);
        lock.lock();
        if (--running_ == 0) finish_.notify_one();
    }
}

}  // namespace playthrough::neat
