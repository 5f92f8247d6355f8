// bindings.cpp: what Python sees of the core, and the only file that knows Python. Whatever is wrong
// with an argument raises here, whoever calls, and no array is ever copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <cstdint>
#include <stdexcept>
#include <string>

#include "session.hpp"
#include "tables.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace chainrule {
namespace {

using Read = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Write = nb::ndarray<nb::c_contig, nb::device::cpu>;

[[noreturn]] void refuse(const std::string& message) { throw nb::value_error(message.c_str()); }

const Isa& isa_named(const std::string& name) {
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
        throw nb::type_error((std::string(name) + " must be a C-contiguous array in memory of this "
                              "machine's byte order, writable if it is written to").c_str());
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
    Span(const char* name, const Array& array) : name(name), at(array.data()), bytes(array.nbytes()) {}
    Span(const char* name, const void* at, std::size_t bytes) : name(name), at(at), bytes(bytes) {}
};
void check_apart(std::initializer_list<Span> written, std::initializer_list<Span> read) {
    const auto check = [](const Span& one, const Span& two) {
        const auto a = reinterpret_cast<std::uintptr_t>(one.at);
        const auto b = reinterpret_cast<std::uintptr_t>(two.at);
        if (one.bytes && two.bytes && a < b + two.bytes && b < a + one.bytes)
            refuse(std::string(one.name) + " and " + two.name + " share memory: pass a copy of one");
    };
    for (const Span* one = written.begin(); one < written.end(); one++) {
        for (const Span* two = one + 1; two < written.end(); two++) check(*one, *two);
        for (const Span& two : read) check(*one, two);
    }
}

int checked_threads(int threads) {
    if (threads < 0 || threads > MOST_THREADS)
        refuse("threads must be from 1 to " + std::to_string(MOST_THREADS) +
               ", or 0 for what suits the size, not " + std::to_string(threads));
    return threads;
}

nb::tuple checked_tuple(nb::handle item, std::size_t size, const char* name) {
    nb::tuple found;
    if (!nb::try_cast<nb::tuple>(item, found, false) || found.size() != size)
        throw nb::type_error((std::string(name) + " must be a tuple of " + std::to_string(size)).c_str());
    return found;
}

double checked_rate(double rate) {
    if (!(rate >= 0 && rate < 1)) refuse("a dropout rate must be from 0 up to but not including 1");
    return rate;
}

// The entry's number in one of the core's tables.
int checked_entry(int number, int entries, const char* table) {
    if (number < 0 || number >= entries)
        refuse("the core has no " + std::string(table) + " of number " + std::to_string(number));
    return number;
}

bool is_canonical_pair(int f, int cost) {
    switch ((C)cost) {
        case C::logistic: return (F)f == F::sigmoid;
        case C::cross_entropy: return (F)f == F::softmax;
        case C::squared_error: return (F)f == F::identity;
        case C::poisson: return (F)f == F::exp;
        default: return false;
    }
}

std::size_t times(std::size_t a, std::size_t b) {
    std::size_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > (std::size_t)PTRDIFF_MAX / 64)
        refuse("the network's sizes are too large for this machine");
    return product;
}

class Core {
  public:
    // layers: (n_in, n_out, f, setting, rate) each; cost: (number, setting, canonical);
    // optimizer: (number, settings, slots).
    Core(const std::string& isa, nb::list layers, double input_rate, nb::tuple cost, double l1,
         double l2, std::uint64_t seed, nb::tuple optimizer, double clip_value, double clip_norm,
         nb::object X, nb::object Y, nb::object weights)
        : X_(X), Y_(Y), weights_(weights) {
        const Isa& set = isa_named(isa);
        const Read x = cast<Read>(X, "X"), y = cast<Read>(Y, "Y");
        dtype_ = x.dtype();
        const bool single = dtype_ == nb::dtype<float>();
        if (!single && dtype_ != nb::dtype<double>()) refuse("X must be float32 or float64");
        cost = checked_tuple(cost, 3, "cost");
        optimizer = checked_tuple(optimizer, 3, "optimizer");
        Problem p = {};
        std::vector<Layer> found;
        std::size_t at = 0, previous = 0;
        for (nb::handle item : layers) {
            const nb::tuple t = checked_tuple(item, 5, "a layer");
            Layer layer = {};
            layer.n_in = nb::cast<idx>(t[0]);
            layer.n_out = nb::cast<idx>(t[1]);
            if (layer.n_in < 1 || layer.n_out < 1) refuse("a layer's sizes must be at least 1");
            if (!found.empty() && (std::size_t)layer.n_in != previous)
                refuse("a layer's inputs must be the outputs of the layer before");
            previous = (std::size_t)layer.n_out;
            layer.f = checked_entry(nb::cast<int>(t[2]), ACTIVATIONS, "activation");
            layer.setting = nb::cast<double>(t[3]);
            layer.rate = checked_rate(nb::cast<double>(t[4]));
            layer.w = (idx)at;
            at += times((std::size_t)layer.n_in, (std::size_t)layer.n_out);
            layer.b = (idx)at;
            at = times(at + (std::size_t)layer.n_out, 1);
            found.push_back(layer);
        }
        if (found.empty()) refuse("a network needs at least one layer");
        p.parameters = (idx)at;
        p.input_rate = checked_rate(input_rate);
        p.cost = checked_entry(nb::cast<int>(cost[0]), COSTS, "cost");
        p.cost_setting = nb::cast<double>(cost[1]);
        p.canonical = nb::cast<bool>(cost[2]);
        if (p.canonical && !is_canonical_pair(found.back().f, p.cost))
            refuse("the output activation and the cost are no canonical pair");
        p.l1 = l1;
        p.l2 = l2;
        p.seed = seed;
        p.optimizer = checked_entry(nb::cast<int>(optimizer[0]), OPTIMIZERS, "optimizer");
        int n = 0;
        for (nb::handle value : nb::cast<nb::tuple>(optimizer[1]))
            if (n < 4) p.settings[n++] = nb::cast<double>(value);
        p.slots = nb::cast<idx>(optimizer[2]);
        if (p.slots != SLOTS[p.optimizer]) refuse("the optimizer has another number of slots");
        p.clip_value = clip_value;
        p.clip_norm = clip_norm;
        if (x.ndim() != 2 || x.shape(1) != (std::size_t)found.front().n_in)
            refuse("X must have a column for each input");
        p.rows = (idx)x.shape(0);
        check(x, "X", dtype_, times(x.shape(0), x.shape(1)));
        check(y, "Y", dtype_, times(x.shape(0), previous));
        p.X = x.data();
        p.Y = y.data();
        if (!weights.is_none()) {
            const Read w = cast<Read>(weights, "weights");
            check(w, "weights", nb::dtype<double>(), x.shape(0));
            p.weights = w.data();
        }
        session_ = std::make_unique<Session>(p, std::move(found), single ? set.of_float : set.of_double);
    }

    idx run(Write theta, Write state, Read order, idx batch, Read rates, idx first_step,
            Write costs, Write squares, int threads) {
        const Problem& p = session_->problem();
        const std::size_t P = (std::size_t)p.parameters;
        if (batch < 1) refuse("the batch size must be at least 1");
        times((std::size_t)batch, 1);
        if (first_step < 0) refuse("the first step must be 0 or above");
        Run run = base(order);
        const std::size_t steps = ((std::size_t)run.k + (std::size_t)batch - 1) / (std::size_t)batch;
        check(theta, "theta", dtype_, P);
        check(state, "state", dtype_, times(P, (std::size_t)p.slots));
        check(rates, "rates", nb::dtype<double>(), steps);
        check(costs, "costs", nb::dtype<double>(), steps);
        check(squares, "squares", nb::dtype<double>(), times(steps, (std::size_t)p.depth));
        check_apart({{"theta", theta}, {"state", state}, {"costs", costs}, {"squares", squares}},
                    {{"order", order}, {"rates", rates}, X(), Y(), weights()});
        checked_threads(threads);
        run.theta = theta.data();
        run.state = state.data();
        run.batch = batch;
        run.rates = static_cast<const double*>(rates.data());
        run.first_step = first_step;
        run.costs = static_cast<double*>(costs.data());
        run.squares = static_cast<double*>(squares.data());
        run.train = true;
        const nb::gil_scoped_release release;
        return session_->run(run, threads);
    }

    // J over the rows that order names (None: all), and its gradient unless dtheta is None.
    double evaluate(Read theta, nb::object dtheta, nb::object order, int threads) {
        const Problem& p = session_->problem();
        Run run = order.is_none() ? Run{} : base(cast<Read>(order, "order"));
        checked_threads(threads);
        if (order.is_none()) run.k = p.rows;
        check(theta, "theta", dtype_, (std::size_t)p.parameters);
        run.theta = const_cast<void*>(theta.data());  // read only: this run does not train
        if (!dtheta.is_none()) {
            const Write g = cast<Write>(dtheta, "dtheta");
            check(g, "dtheta", dtype_, (std::size_t)p.parameters);
            check_apart({{"dtheta", g}},
                        {{"theta", theta},
                         {"order", run.order, (std::size_t)(run.order ? run.k : 0) * sizeof *run.order},
                         X(), Y(), weights()});
            run.dtheta = g.data();
        }
        double J = 0;
        run.costs = &J;
        if (run.k == 0) refuse("there are no rows to evaluate");
        run.batch = run.k;
        const nb::gil_scoped_release release;
        session_->run(run, threads);
        return J;
    }

    // a^L of every row of X, into outputs (rows, n_L).
    void predict(Read theta, Write outputs, int threads) {
        const Problem& p = session_->problem();
        Run run = {};
        run.k = run.batch = p.rows;
        check(theta, "theta", dtype_, (std::size_t)p.parameters);
        check(outputs, "outputs", dtype_, Y().bytes / real_size());
        check_apart({{"outputs", outputs}}, {{"theta", theta}, X()});
        checked_threads(threads);
        if (run.k == 0) return;
        run.theta = const_cast<void*>(theta.data());  // read only: this run does not train
        run.outputs = outputs.data();
        const nb::gil_scoped_release release;
        session_->run(run, threads);
    }

  private:
    Run base(const Read& order) const {
        if (order.dtype() != nb::dtype<std::int64_t>() || order.ndim() != 1)
            refuse("order must be a flat array of int64");
        Run run = {};
        run.order = static_cast<const std::int64_t*>(order.data());
        run.k = (idx)order.size();
        check(order, "order", nb::dtype<std::int64_t>(), order.size());
        const idx rows = session_->problem().rows;
        for (idx i = 0; i < run.k; i++)
            if (run.order[i] < 0 || run.order[i] >= rows)
                refuse("order[" + std::to_string(i) + "] = " + std::to_string(run.order[i]) +
                       " is not a row of X, which has " + std::to_string(rows));
        return run;
    }

    std::size_t real_size() const { return dtype_.bits / 8; }
    std::size_t cells(idx columns) const {
        return (std::size_t)(session_->problem().rows * columns) * real_size();
    }
    Span X() const {
        const Problem& p = session_->problem();
        return {"X", p.X, cells(p.layers[0].n_in)};
    }
    Span Y() const {
        const Problem& p = session_->problem();
        return {"Y", p.Y, cells(p.layers[p.depth - 1].n_out)};
    }
    Span weights() const {
        const Problem& p = session_->problem();
        return {"weights", p.weights, p.weights ? (std::size_t)p.rows * sizeof(double) : 0};
    }

    nb::object X_, Y_, weights_;  // kept alive
    nb::dlpack::dtype dtype_;
    std::unique_ptr<Session> session_;
};

nb::dict tables() {
    nb::dict activations, costs, optimizers, all;
    const auto words = [](const char* text) { return nb::str(text).attr("split")(); };
#define CHAINRULE_ENTRY(name, settings) activations[#name] = nb::tuple(words(settings));
    CHAINRULE_ACTIVATIONS(CHAINRULE_ENTRY)
#undef CHAINRULE_ENTRY
#define CHAINRULE_ENTRY(name, settings) costs[#name] = nb::tuple(words(settings));
    CHAINRULE_COSTS(CHAINRULE_ENTRY)
#undef CHAINRULE_ENTRY
#define CHAINRULE_ENTRY(name, slots, settings) optimizers[#name] = nb::tuple(words(settings));
    CHAINRULE_OPTIMIZERS(CHAINRULE_ENTRY)
#undef CHAINRULE_ENTRY
    all["activations"] = activations;
    all["costs"] = costs;
    all["optimizers"] = optimizers;
    return all;
}

nb::list available_isas() {
    nb::list found;
    int count;
    const Isa* all = isas(&count);
    for (int i = 0; i < count; i++)
        if (all[i].supported()) found.append(all[i].name);
    return found;
}

void elementwise(const std::string& isa, int function, Read x, Write y) {
    const Isa& set = isa_named(isa);
    const bool single = x.dtype() == nb::dtype<float>();
    if (!single && x.dtype() != nb::dtype<double>()) refuse("x must be float32 or float64");
    check(x, "x", x.dtype(), x.size());
    check(y, "y", x.dtype(), x.size());
    check_apart({{"y", y}}, {{"x", x}});
    if (function < 0 || function >= ELEMENTWISE)
        refuse("there is no function of number " + std::to_string(function));
    const Kernels* kernels = single ? set.of_float : set.of_double;
    kernels->elementwise(function, x.data(), y.data(), (idx)x.size());
}

}  // namespace
}  // namespace chainrule

NB_MODULE(_core, m) {
    using namespace chainrule;
    m.doc() = "The native core: see chainrule.engines.native.";
    nb::class_<Core>(m, "Core")
        .def(nb::init<const std::string&, nb::list, double, nb::tuple, double, double, std::uint64_t,
                      nb::tuple, double, double, nb::object, nb::object, nb::object>(),
             "isa"_a, "layers"_a, "input_rate"_a, "cost"_a, "l1"_a, "l2"_a, "seed"_a, "optimizer"_a,
             "clip_value"_a, "clip_norm"_a, "X"_a, "Y"_a, "weights"_a.none())
        .def("run", &Core::run, "theta"_a.noconvert(), "state"_a.noconvert(), "order"_a.noconvert(),
             "batch_size"_a, "rates"_a.noconvert(), "first_step"_a, "costs"_a.noconvert(),
             "squares"_a.noconvert(), "threads"_a)
        .def("evaluate", &Core::evaluate, "theta"_a.noconvert(), "dtheta"_a.none(), "order"_a.none(),
             "threads"_a)
        .def("predict", &Core::predict, "theta"_a.noconvert(), "outputs"_a.noconvert(), "threads"_a);
    m.def("tables", &tables, "The names and settings that the core knows, in its own order.");
    m.def("available_isas", &available_isas, "The instruction sets of this processor, best first.");
    m.def("processors", &processors, "The processors this process may use.");
    m.def("elementwise", &elementwise, "isa"_a, "function"_a, "x"_a.noconvert(), "y"_a.noconvert());
}
