// bindings.hpp: what the files that know Python share, bindings*.cpp. Whatever is wrong with an
// argument raises here, and no array is ever copied.
#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core.hpp"
#include "tables.hpp"
#include "team.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace chainrule {

// Lets other threads of Python run meanwhile. A daemon thread that comes back when the interpreter
// is ending is ended by Python (before 3.14) by unwinding through C++, and the process
// aborts: it waits here for the end of the process instead, as it does in 3.14.
class Unlocked {
  public:
    Unlocked() = default;
    ~Unlocked() {
        try {
            PyEval_RestoreThread(state_);
        } catch (...) {
            for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
        }
    }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

  private:
    PyThreadState* state_ = PyEval_SaveThread();
};

void bind_predictor(nb::module_& m);
void bind_checker(nb::module_& m);
void bind_rows(nb::module_& m);

using Read = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Write = nb::ndarray<nb::c_contig, nb::device::cpu>;

[[noreturn]] inline void refuse(const std::string& message) {
    throw nb::value_error(message.c_str());
}

inline const Isa& isa_named(const std::string& name) {
    int count;
    const Isa* all = isas(&count);
    for (int i = 0; i < count; i++)
        if (name == all[i].name && all[i].supported()) return all[i];
    refuse("no instruction set '" + name + "' on this processor: see available_isas()");
}

// An argument that may also be None, or that the constructor keeps.
template <class Array>
Array cast(const nb::object& object, const char* name) {
    Array array;
    if (!nb::try_cast<Array>(object, array, false))
        throw nb::type_error((std::string(name) +
                              " must be a C-contiguous array in memory of this "
                              "machine's byte order, writable if it is written to")
                                 .c_str());
    return array;
}

template <class Array>
void check(const Array& array, const char* name, nb::dlpack::dtype dtype, std::size_t size) {
    if (array.dtype() != dtype) refuse(std::string(name) + " has the wrong dtype");
    if (array.size() != size)
        refuse(std::string(name) + " must have " + std::to_string(size) + " entries, not " +
               std::to_string(array.size()));
    if (reinterpret_cast<std::uintptr_t>(array.data()) % array.itemsize() != 0)
        refuse(std::string(name) + " is not aligned in memory: pass a copy");
}

// What a call writes may share memory with nothing else that it reads or writes.
struct Span {
    const char* name;
    const void* at;
    std::size_t bytes;
    template <class Array>
    Span(const char* name, const Array& array)
        : name(name), at(array.data()), bytes(array.nbytes()) {}
    Span(const char* name, const void* at, std::size_t bytes) : name(name), at(at), bytes(bytes) {}
};
inline void check_apart(std::initializer_list<Span> written, std::initializer_list<Span> read) {
    const auto check = [](const Span& one, const Span& two) {
        const auto a = reinterpret_cast<std::uintptr_t>(one.at);
        const auto b = reinterpret_cast<std::uintptr_t>(two.at);
        if (one.bytes && two.bytes && a < b + two.bytes && b < a + one.bytes)
            refuse(std::string(one.name) + " and " + two.name +
                   " share memory: pass a copy of one");
    };
    for (const Span* one = written.begin(); one < written.end(); one++) {
        for (const Span* two = one + 1; two < written.end(); two++) check(*one, *two);
        for (const Span& two : read) check(*one, two);
    }
}

inline int checked_threads(int threads) {
    if (threads < 0 || threads > MOST_THREADS)
        refuse("threads must be from 1 to " + std::to_string(MOST_THREADS) +
               ", or 0 for what suits the size, not " + std::to_string(threads));
    return threads;
}

inline nb::tuple checked_tuple(nb::handle item, std::size_t size, const std::string& name) {
    nb::tuple tuple;
    if (!nb::try_cast<nb::tuple>(item, tuple, false) || tuple.size() != size)
        throw nb::type_error((name + " must be a tuple of " + std::to_string(size)).c_str());
    return tuple;
}

inline double checked_rate(double rate) {
    if (!(rate >= 0 && rate < 1)) refuse("a dropout rate must be from 0 up to but not including 1");
    return rate;
}

// A number in one of the core's tables, and the settings that its entry has there.
template <std::size_t N>
int checked_entry(nb::handle number, nb::handle settings, const Entry (&table)[N], const char* kind,
                  double* values) {
    const int n = nb::cast<int>(number);
    if (n < 0 || n >= (int)N)
        refuse("the core has no " + std::string(kind) + " of number " + std::to_string(n));
    const Entry& entry = table[n];
    const auto count = (std::size_t)entry.setting_count();
    const nb::tuple t =
        checked_tuple(settings, count, std::string(kind) + " " + entry.name + "'s settings");
    for (std::size_t i = 0; i < count; i++) values[i] = nb::cast<double>(t[i]);
    return n;
}

inline bool is_canonical_pair(int f, int cost) {
#define CHAINRULE_PAIR(output, cost_of_pair) \
    if ((Activation)f == Activation::output && (Cost)cost == Cost::cost_of_pair) return true;
    CHAINRULE_CANONICAL_PAIRS(CHAINRULE_PAIR)
#undef CHAINRULE_PAIR
    return false;
}

// (number, settings, whether it is a canonical pair with the output activation) of a cost.
struct CheckedCost {
    int number;
    double setting;
    bool canonical;
};
inline CheckedCost checked_cost(nb::handle item, int output) {
    const nb::tuple t = checked_tuple(item, 3, "cost");
    CheckedCost cost = {};
    cost.number = checked_entry(t[0], t[1], COSTS, "cost", &cost.setting);
    cost.canonical = nb::cast<bool>(t[2]);
    if (cost.canonical && !is_canonical_pair(output, cost.number))
        refuse("the output activation and the cost are no canonical pair");
    return cost;
}

inline std::size_t times(std::size_t a, std::size_t b) {
    std::size_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > (std::size_t)PTRDIFF_MAX / 64)
        refuse("the network's sizes are too large for this machine");
    return product;
}

// Of (op, n_in, n_out, f, settings of f, rate, place of dropout) each; how many parameters they
// have.
inline std::vector<Layer> layers_of(nb::list items, std::size_t* parameters) {
    std::vector<Layer> layers;
    std::size_t at = 0;
    for (nb::handle item : items) {
        const nb::tuple t = checked_tuple(item, 7, "a layer");
        Layer layer = {};
        double none;
        layer.op = (Op)checked_entry(t[0], nb::tuple(), OPS, "op", &none);
        layer.n_in = nb::cast<idx>(t[1]);
        layer.n_out = nb::cast<idx>(t[2]);
        if (layer.n_in < 1 || layer.n_out < 1) refuse("a layer's sizes must be at least 1");
        if (!layers.empty() && layer.n_in != layers.back().n_out)
            refuse("a layer's inputs must be the outputs of the layer before");
        layer.f = checked_entry(t[3], t[4], ACTIVATIONS, "activation", &layer.setting);
        if (layer.op != Op::affine &&
            (layer.n_in != layer.n_out || (Activation)layer.f != Activation::identity))
            refuse("an op of columns keeps their number and has no activation");
        layer.rate = checked_rate(nb::cast<double>(t[5]));
        layer.place = nb::cast<idx>(t[6]);
        layer.w = (idx)at;
        times((std::size_t)layer.n_in, (std::size_t)layer.n_out);  // refuses what overflows
        at += (std::size_t)size_of_W(layer);
        layer.b = (idx)at;
        at = times(at + (std::size_t)column_numbers(layer), 1);
        layers.push_back(layer);
    }
    if (layers.empty() || layers.back().op != Op::affine)
        refuse("a network needs at least one layer, and an affine one at the end");
    *parameters = at;
    return layers;
}

}  // namespace chainrule
