// NEAT's phenotype and genetic distance, free of Python.
//
// Genes         one genome's genes as arrays, in the order of its dictionaries
// Network       a genome compiled to compressed rows of links; immutable, shared between lanes
// NetworkBatch  lanes that each hold a network and its node values, activated together on a few threads
//
// Every result equals neat-python 2.0.0's to the last bit (see neat.cpp for the few exceptions), so the order of each
// sum is Python's and nothing may be fused or reordered: compile with -ffp-contract=off and without -ffast-math.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace playthrough::neat {

// The order is the order of the names in neat.cpp.
enum class Activation : std::int32_t {
    sigmoid, tanh, sin, gauss, relu, elu, lelu, selu, softplus,
    identity, clamped, inv, log, exp, abs, hat, square, cube,
};
enum class Aggregation : std::int32_t { product, sum, max, min, maxabs, median, mean };

// Names are numbered: the built-in ones first, then whatever else a genome names (it can be compared, not run).
class Names {
  public:
    explicit Names(std::vector<std::string> built_in);
    std::int32_t id(std::string_view name);
    const std::string& name(std::int32_t id) const { return names_[static_cast<std::size_t>(id)]; }
    std::int32_t num_built_in() const { return num_built_in_; }
    std::vector<std::string> built_in() const { return {names_.begin(), names_.begin() + num_built_in_}; }

  private:
    std::vector<std::string> names_;
    std::unordered_map<std::string, std::int32_t> ids_;
    std::int32_t num_built_in_;
};
Names& activations();
Names& aggregations();

// Numbers keys 0, 1, 2, ... as they are first seen, for the whole process: the same connection has the same number in
// every genome, so two genomes are compared through a plain table. Not to be called from two threads at once.
class KeyNumbers {
  public:
    std::int32_t number(std::uint64_t key);

  private:
    void grow();

    std::vector<std::uint64_t> keys_;  // by number
    std::vector<std::int32_t> slots_;  // open addressing; -1 is free
};

struct Genes {
    // Nodes.
    std::vector<std::int32_t> node_key, activation, aggregation;
    std::vector<double> bias, response, time_constant;
    // Connections. Inputs have negative keys.
    std::vector<std::int32_t> source, target;
    std::vector<double> weight;
    std::vector<std::uint8_t> enabled;

    // Call once after filling the arrays, from one thread at a time.
    void index();
    std::size_t num_enabled() const;
    // neat-python's DefaultGenome.distance.
    double distance(const Genes& other, double disjoint_coefficient, double weight_coefficient) const;

  private:
    // Which number each gene's key has, and where a number stands among the genes (-1: it does not).
    struct Places {
        std::vector<std::int32_t> numbers, positions;
        void find();
        // For each gene of `other` its position here, or -1; `found` has one entry for each of other's genes.
        std::size_t match(const Places& other, std::vector<std::int32_t>& found) const;
    };
    Places nodes_, connections_;
};

class Network {
  public:
    // Throws std::invalid_argument for a genome that names a missing node or an unknown function.
    Network(const Genes& genes, std::int32_t num_inputs, std::int32_t num_outputs, bool feed_forward,
            bool compensated_sum);

    std::int32_t num_inputs() const { return num_inputs_; }
    std::int32_t num_outputs() const { return static_cast<std::int32_t>(output_slots_.size()); }
    bool feed_forward() const { return feed_forward_; }
    std::size_t num_values() const { return static_cast<std::size_t>(num_inputs_) + slot_keys_.size(); }
    std::size_t num_links() const { return sources_.size(); }
    const std::vector<std::int32_t>& slot_keys() const { return slot_keys_; }
    const std::vector<std::int32_t>& output_slots() const { return output_slots_; }

    // One activation. `values` holds the inputs, then every node's value, and is updated; `scratch` grows as needed.
    // Returns whether a power overflowed, where CPython raises OverflowError; the value is then an infinity.
    bool activate(double* values, std::vector<double>& scratch) const;

  private:
    struct Node {
        double bias, response;
        std::int32_t slot, first, count;
        Activation activation;
        Aggregation aggregation;
    };

    double aggregate(const Node& node, const double* values, double* products) const;

    std::int32_t num_inputs_;
    bool feed_forward_, compensated_sum_;
    std::vector<std::int32_t> slot_keys_;     // the key of each value after the inputs
    std::vector<std::int32_t> output_slots_;  // positions in values
    std::vector<Node> nodes_;                 // by stage; the nodes of one stage do not read each other's new values
    std::vector<std::int32_t> stage_ends_;
    std::vector<std::int32_t> sources_;  // positions in values
    std::vector<double> weights_;
    std::int32_t longest_ = 0;
};

enum class InputType { float64, float32, uint8 };

class NetworkBatch {
  public:
    NetworkBatch(std::int32_t num_lanes, std::int32_t num_inputs, std::int32_t num_outputs, std::int32_t num_threads);
    ~NetworkBatch();
    NetworkBatch(const NetworkBatch&) = delete;
    NetworkBatch& operator=(const NetworkBatch&) = delete;

    std::int32_t num_lanes() const { return static_cast<std::int32_t>(lanes_.size()); }
    std::int32_t num_inputs() const { return num_inputs_; }
    std::int32_t num_outputs() const { return num_outputs_; }

    void set_network(std::int32_t lane, std::shared_ptr<const Network> network);
    std::shared_ptr<const Network> network(std::int32_t lane) const { return lanes_[index(lane)].network; }
    void reset(std::int32_t lane);
    std::vector<double>& values(std::int32_t lane) { return lanes_[index(lane)].values; }

    // inputs (num_lanes, num_inputs), outputs (num_lanes, num_outputs); a lane whose mask is 0 is left alone.
    // Returns the first lane in which a power overflowed, or -1.
    std::int32_t activate(const void* inputs, InputType type, double* outputs, const std::uint8_t* mask);

  private:
    struct Lane {
        std::shared_ptr<const Network> network;
        std::vector<double> values, scratch;
        bool overflowed = false;
    };

    std::size_t index(std::int32_t lane) const;
    void run_lane(std::size_t lane, const void* inputs, InputType type, double* outputs);
    void work(std::size_t thread, std::uint64_t last_round);

    std::int32_t num_inputs_, num_outputs_;
    std::vector<Lane> lanes_;

    // Threads: started when a batch is first worth sharing; thread t runs lanes t, t + T, t + 2T, ...
    std::size_t num_threads_;
    std::vector<std::thread> threads_;
    std::mutex mutex_;
    std::condition_variable start_, finish_;
    std::function<void(std::size_t)> job_;
    std::uint64_t round_ = 0;
    std::size_t running_ = 0;
    bool stopping_ = false;
};

}  // namespace playthrough::neat
