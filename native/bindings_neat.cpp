// The Python module `_neat`. Nothing here computes: it moves genes and arrays across, and releases the lock.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <limits>
#include <optional>
#include <stdexcept>

#include "neat.hpp"

namespace nb = nanobind;
using namespace nb::literals;
using namespace playthrough::neat;

namespace {

// A gene's attribute as a number. Genes are plain Python objects; this is the only place that reads them.
template <class T>
T number(PyObject* gene, PyObject* name) {
    const nb::object value = nb::steal(PyObject_GetAttr(gene, name));
    if (!value.is_valid()) throw nb::python_error();
    if constexpr (std::is_same_v<T, double>) {
        const double result = PyFloat_AsDouble(value.ptr());
        if (result == -1.0 && PyErr_Occurred()) throw nb::python_error();
        return result;
    } else {
        static_assert(std::is_same_v<T, bool>);
        const int result = PyObject_IsTrue(value.ptr());
        if (result < 0) throw nb::python_error();
        return result != 0;
    }
}

std::int32_t function_id(PyObject* gene, PyObject* name, Names& names) {
    const nb::object value = nb::steal(PyObject_GetAttr(gene, name));
    if (!value.is_valid()) throw nb::python_error();
    Py_ssize_t size = 0;
    const char* text = PyUnicode_AsUTF8AndSize(value.ptr(), &size);
    if (!text) throw nb::python_error();
    return names.id({text, static_cast<std::size_t>(size)});
}

std::int32_t node_key(PyObject* key) {
    const long long value = PyLong_AsLongLong(key);
    if (value == -1 && PyErr_Occurred()) throw nb::python_error();
    if (value < std::numeric_limits<std::int32_t>::min() || value > std::numeric_limits<std::int32_t>::max())
        throw std::invalid_argument("a node key is beyond 32 bits");
    return static_cast<std::int32_t>(value);
}

std::shared_ptr<Genes> read_genes(const nb::dict& nodes, const nb::dict& connections) {
    static const struct {
        PyObject* bias = PyUnicode_InternFromString("bias");
        PyObject* response = PyUnicode_InternFromString("response");
        PyObject* time_constant = PyUnicode_InternFromString("time_constant");
        PyObject* activation = PyUnicode_InternFromString("activation");
        PyObject* aggregation = PyUnicode_InternFromString("aggregation");
        PyObject* weight = PyUnicode_InternFromString("weight");
        PyObject* enabled = PyUnicode_InternFromString("enabled");
    } names;

    auto genes = std::make_shared<Genes>();
    PyObject *key = nullptr, *gene = nullptr;
    Py_ssize_t place = 0;
    while (PyDict_Next(nodes.ptr(), &place, &key, &gene)) {
        genes->node_key.push_back(node_key(key));
        genes->bias.push_back(number<double>(gene, names.bias));
        genes->response.push_back(number<double>(gene, names.response));
        genes->time_constant.push_back(number<double>(gene, names.time_constant));
        genes->activation.push_back(function_id(gene, names.activation, activations()));
        genes->aggregation.push_back(function_id(gene, names.aggregation, aggregations()));
    }
    const std::size_t count = connections.size();
    genes->source.reserve(count);
    genes->target.reserve(count);
    genes->weight.reserve(count);
    genes->enabled.reserve(count);
    place = 0;
    while (PyDict_Next(connections.ptr(), &place, &key, &gene)) {
        if (!PyTuple_Check(key) || PyTuple_GET_SIZE(key) != 2)
            throw std::invalid_argument("a connection's key must be a pair of node keys");
        genes->source.push_back(node_key(PyTuple_GET_ITEM(key, 0)));
        genes->target.push_back(node_key(PyTuple_GET_ITEM(key, 1)));
        genes->weight.push_back(number<double>(gene, names.weight));
        genes->enabled.push_back(number<bool>(gene, names.enabled) ? 1 : 0);
    }
    genes->index();
    return genes;
}

template <class T>
nb::ndarray<nb::numpy, T, nb::ndim<1>> to_array(const std::vector<T>& values) {
    auto* data = new T[values.size() + 1];
    std::copy(values.begin(), values.end(), data);
    const nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<T*>(p); });
    return {data, {values.size()}, owner};
}

std::vector<std::string> names_of(const std::vector<std::int32_t>& ids, const Names& names) {
    std::vector<std::string> result;
    for (const std::int32_t id : ids) result.push_back(names.name(id));
    return result;
}

nb::dict arrays(const Genes& genes) {
    nb::dict result;
    result["node_key"] = to_array(genes.node_key);
    result["bias"] = to_array(genes.bias);
    result["response"] = to_array(genes.response);
    result["time_constant"] = to_array(genes.time_constant);
    result["activation"] = names_of(genes.activation, activations());
    result["aggregation"] = names_of(genes.aggregation, aggregations());
    result["source"] = to_array(genes.source);
    result["target"] = to_array(genes.target);
    result["weight"] = to_array(genes.weight);
    result["enabled"] = to_array(genes.enabled);
    return result;
}

using Inputs = nb::ndarray<nb::ro, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Outputs = nb::ndarray<double, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Mask = nb::ndarray<const bool, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

std::string shape_of(std::size_t rows, std::size_t columns) {
    return "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
}

void activate(NetworkBatch& batch, const Inputs& inputs, const Outputs& outputs, const std::optional<Mask>& mask,
              bool saturate) {
    const auto lanes = static_cast<std::size_t>(batch.num_lanes());
    const auto check = [&](const char* what, std::size_t rows, std::size_t columns, std::int32_t expected) {
        if (rows != lanes || columns != static_cast<std::size_t>(expected))
            throw std::invalid_argument(std::string(what) + ": expected the shape " +
                                        shape_of(lanes, static_cast<std::size_t>(expected)) + ", got " +
                                        shape_of(rows, columns));
    };
    check("inputs", inputs.shape(0), inputs.shape(1), batch.num_inputs());
    check("outputs", outputs.shape(0), outputs.shape(1), batch.num_outputs());
    if (mask && mask->shape(0) != lanes)
        throw std::invalid_argument("mask: expected " + std::to_string(lanes) + " values, got " +
                                    std::to_string(mask->shape(0)));
    InputType type = InputType::float64;
    if (inputs.dtype() == nb::dtype<double>())
        type = InputType::float64;
    else if (inputs.dtype() == nb::dtype<float>())
        type = InputType::float32;
    else if (inputs.dtype() == nb::dtype<std::uint8_t>())
        type = InputType::uint8;
    else
        throw nb::type_error("inputs: expected the dtype float64, float32 or uint8");
    std::int32_t overflowed = -1;
    {
        const nb::gil_scoped_release release;
        overflowed = batch.activate(inputs.data(), type, outputs.data(),
                                    mask ? reinterpret_cast<const std::uint8_t*>(mask->data()) : nullptr);
    }
    if (overflowed >= 0 && !saturate) {
        PyErr_Format(PyExc_OverflowError, "the network of lane %d: a power is beyond the range of a float",
                     static_cast<int>(overflowed));
        throw nb::python_error();
    }
}

std::vector<double> node_values(NetworkBatch& batch, std::int32_t lane) {
    const auto& values = batch.values(lane);
    return {values.begin() + std::min<std::ptrdiff_t>(batch.num_inputs(), static_cast<std::ptrdiff_t>(values.size())),
            values.end()};
}

}  // namespace

NB_MODULE(_neat, m) {
    m.doc() = "NEAT's networks and genetic distance, compiled.";
    m.attr("ACTIVATIONS") = nb::tuple(nb::cast(activations().built_in()));
    m.attr("AGGREGATIONS") = nb::tuple(nb::cast(aggregations().built_in()));

    nb::class_<Genes>(m, "Genes", "One genome's genes as arrays: a copy, taken when this is made.")
        .def(nb::new_(&read_genes), "nodes"_a, "connections"_a)
        .def_prop_ro("num_nodes", [](const Genes& genes) { return genes.node_key.size(); })
        .def_prop_ro("num_connections", [](const Genes& genes) { return genes.source.size(); })
        .def_prop_ro("num_enabled", &Genes::num_enabled)
        .def("arrays", &arrays)
        .def("distance", &Genes::distance, "other"_a, "disjoint_coefficient"_a, "weight_coefficient"_a);

    nb::class_<Network>(m, "Network", "A genome compiled to arrays; it holds no state and can be shared.")
        .def(nb::new_([](const Genes& genes, std::int32_t num_inputs, std::int32_t num_outputs, bool feed_forward,
                         bool compensated_sum) {
                 return std::make_shared<Network>(genes, num_inputs, num_outputs, feed_forward, compensated_sum);
             }),
             "genes"_a, "num_inputs"_a, "num_outputs"_a, "feed_forward"_a, "compensated_sum"_a)
        .def_prop_ro("num_inputs", &Network::num_inputs)
        .def_prop_ro("num_outputs", &Network::num_outputs)
        .def_prop_ro("num_links", &Network::num_links)
        .def_prop_ro("feed_forward", &Network::feed_forward)
        .def_prop_ro("node_keys", &Network::slot_keys);

    nb::class_<NetworkBatch>(m, "NetworkBatch", "Lanes that each hold a network and its node values.")
        .def(nb::init<std::int32_t, std::int32_t, std::int32_t, std::int32_t>(), "num_lanes"_a, "num_inputs"_a,
             "num_outputs"_a, "num_threads"_a = 1)
        .def_prop_ro("num_lanes", &NetworkBatch::num_lanes)
        .def_prop_ro("num_inputs", &NetworkBatch::num_inputs)
        .def_prop_ro("num_outputs", &NetworkBatch::num_outputs)
        .def(
            "set_network",
            [](NetworkBatch& batch, std::int32_t lane, const std::shared_ptr<Network>& network) {
                batch.set_network(lane, network);
            },
            "lane"_a, "network"_a.none())
        .def("reset", &NetworkBatch::reset, "lane"_a)
        .def("activate", &activate, "inputs"_a, "outputs"_a, "mask"_a.none() = nb::none(), "saturate"_a = false)
        .def(
            "node_values",
            [](NetworkBatch& batch, std::int32_t lane) { return to_array(node_values(batch, lane)); }, "lane"_a)
        .def(
            "set_node_values",
            [](NetworkBatch& batch, std::int32_t lane,
               const nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>& values) {
                auto& target = batch.values(lane);
                const std::size_t expected =
                    target.empty() ? 0 : target.size() - static_cast<std::size_t>(batch.num_inputs());
                if (values.shape(0) != expected)
                    throw std::invalid_argument("expected " + std::to_string(expected) + " node values, got " +
                                                std::to_string(values.shape(0)));
                std::copy_n(values.data(), expected, target.end() - static_cast<std::ptrdiff_t>(expected));
            },
            "lane"_a, "values"_a);
}
