// bindings.cpp: what Python sees of the core, and the only file that knows Python. Whatever is wrong
// with an argument raises here, whoever calls, and no array is ever copied.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "differences.hpp"
#include "outputs.hpp"
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

// Of (n_in, n_out, f, setting, rate) each; how many parameters they have.
std::vector<Layer> layers_of(nb::list layers, std::size_t* parameters) {
    std::vector<Layer> found;
    std::size_t at = 0;
    for (nb::handle item : layers) {
        const nb::tuple t = checked_tuple(item, 5, "a layer");
        Layer layer = {};
        layer.n_in = nb::cast<idx>(t[0]);
        layer.n_out = nb::cast<idx>(t[1]);
        if (layer.n_in < 1 || layer.n_out < 1) refuse("a layer's sizes must be at least 1");
        if (!found.empty() && layer.n_in != found.back().n_out)
            refuse("a layer's inputs must be the outputs of the layer before");
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
    *parameters = at;
    return found;
}

class Core {
  public:
    // layers: see layers_of; cost: (number, setting, canonical);
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
        std::size_t at = 0;
        std::vector<Layer> found = layers_of(layers, &at);
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
        check(y, "Y", dtype_, times(x.shape(0), (std::size_t)found.back().n_out));
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
        run.train = run.masked = true;
        const nb::gil_scoped_release release;
        return session_->run(run, threads);
    }

    // J over the rows that order names (None: all), and its gradient unless dtheta is None.
    double evaluate(Read theta, nb::object dtheta, nb::object order, int threads) {
        Run run = order.is_none() ? Run{} : base(cast<Read>(order, "order"));
        if (order.is_none()) run.k = session_->problem().rows;
        return pass(run, theta, dtheta, threads);
    }

    // The sum of weight times J over rows, without penalties, and its gradient. With a step of 0 or
    // above, with its dropout masks: row i of `order` has row places[i] of each.
    double sums(Read theta, nb::object dtheta, Read order, Read places, idx step, int threads) {
        Run run = base(order);
        check(places, "places", nb::dtype<std::int64_t>(), order.size());
        run.places = static_cast<const std::int64_t*>(places.data());
        for (idx i = 0; i < run.k; i++)
            if (run.places[i] < 0) refuse("a place in a batch is 0 or above");
        run.masked = step >= 0;
        run.first_step = step < 0 ? 0 : step;
        run.summed = true;
        return pass(run, theta, dtheta, threads);
    }

    // A step from the gradient of a batch without penalties, which is overwritten.
    void step(Write theta, Write state, Write gradient, double rate, idx number, Write squares,
              int threads) {
        const Problem& p = session_->problem();
        const std::size_t P = (std::size_t)p.parameters;
        if (number < 0) refuse("the step must be 0 or above");
        checked_threads(threads);
        check(theta, "theta", dtype_, P);
        check(state, "state", dtype_, times(P, (std::size_t)p.slots));
        check(gradient, "gradient", dtype_, P);
        check(squares, "squares", nb::dtype<double>(), (std::size_t)p.depth);
        check_apart({{"theta", theta}, {"state", state}, {"gradient", gradient}, {"squares", squares}},
                    {X(), Y(), weights()});
        Run run = {};
        run.theta = theta.data();
        run.state = state.data();
        run.given = gradient.data();
        run.batch = 1;
        run.rates = &rate;
        run.first_step = number;
        run.squares = static_cast<double*>(squares.data());
        run.train = run.careful = true;
        const nb::gil_scoped_release release;
        session_->run(run, threads);
    }

  private:
    // One pass over the run's rows: returns J, and the gradient in dtheta unless it is None.
    double pass(Run run, const Read& theta, nb::object dtheta, int threads) {
        const Problem& p = session_->problem();
        checked_threads(threads);
        check(theta, "theta", dtype_, (std::size_t)p.parameters);
        run.theta = const_cast<void*>(theta.data());  // read only: this run does not train
        const std::size_t named = (std::size_t)run.k * sizeof(std::int64_t);
        if (!dtheta.is_none()) {
            const Write g = cast<Write>(dtheta, "dtheta");
            check(g, "dtheta", dtype_, (std::size_t)p.parameters);
            check_apart({{"dtheta", g}}, {{"theta", theta},
                                          {"order", run.order, run.order ? named : 0},
                                          {"places", run.places, run.places ? named : 0},
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

// An array's memory for the time of a call, by the buffer protocol: several times quicker to have
// than through DLPack, which counts where the work itself takes a tenth of a microsecond.
class Buffer {
  public:
    Buffer(nb::handle array, const char* name, char format, bool writable) : name_(name) {
        const int flags = PyBUF_STRIDES | PyBUF_FORMAT;
        if (PyObject_GetBuffer(array.ptr(), &view_, flags)) {
            PyErr_Clear();
            throw nb::type_error((name_ + " must be a NumPy array, not " +
                                  nb::cast<std::string>(array.type().attr("__name__")))
                                     .c_str());
        }
        const char* found = view_.format ? view_.format : "B";
        if (found[0] != format || found[1]) fail(format == 'f' ? "must be float32" : "must be float64");
        if (!PyBuffer_IsContiguous(&view_, 'C')) fail("must be C-contiguous");
        if (writable && view_.readonly) fail("is read-only");
    }
    ~Buffer() { PyBuffer_Release(&view_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // Its rows, of so many columns.
    idx rows(idx columns) const {
        if (view_.ndim != 2 || view_.shape[1] != columns) refuse_shape("m", columns);
        return (idx)view_.shape[0];
    }
    [[noreturn]] void refuse_shape(const std::string& rows, idx columns) const {
        std::string is;
        for (int i = 0; i < view_.ndim; i++) is += (i ? ", " : "") + std::to_string(view_.shape[i]);
        if (view_.ndim == 1) is += ",";
        refuse(name_ + " must have the shape (" + rows + ", " + std::to_string(columns) + "), not (" +
               is + ")");
    }
    char* begin() const { return static_cast<char*>(view_.buf); }
    char* end() const { return begin() + view_.len; }

  private:
    [[noreturn]] void fail(const char* what) {
        PyBuffer_Release(&view_);
        refuse(name_ + " " + what);
    }

    Py_buffer view_;
    std::string name_;
};

// theta is kept, not copied: who wants the parameters of one moment passes a copy.
class Predictor {
  public:
    Predictor(const std::string& isa, nb::list layers, nb::object theta, int threads)
        : theta_(theta), threads_(checked_threads(threads)), empty_(nb::module_::import_("numpy").attr("empty")) {
        const Isa& set = isa_named(isa);
        const Read array = cast<Read>(theta, "theta");
        std::size_t parameters = 0;
        std::vector<Layer> found = layers_of(layers, &parameters);
        single_ = array.dtype() == nb::dtype<float>();
        if (!single_ && array.dtype() != nb::dtype<double>()) refuse("theta must be float32 or float64");
        check(array, "theta", array.dtype(), parameters);
        dtype_ = theta.attr("dtype");
        data_ = static_cast<const char*>(array.data());
        size_ = array.nbytes();
        n_0_ = found.front().n_in;
        n_L_ = found.back().n_out;
        outputs_ = std::make_unique<Outputs>(std::move(found), single_ ? set.of_float : set.of_double,
                                             single_ ? 4 : 8);
    }

    nb::object call(nb::handle X, nb::object out) const {
        const Buffer from(X, "X", single_ ? 'f' : 'd', false);
        const idx rows = from.rows(n_0_);
        if (out.is_none()) out = empty_(nb::make_tuple(rows, n_L_), dtype_);
        const Buffer to(out, "out", single_ ? 'f' : 'd', true);
        if (to.rows(n_L_) != rows) to.refuse_shape(std::to_string(rows), n_L_);
        if (from.begin() < to.end() && to.begin() < from.end())
            refuse("out shares memory with X: pass another array");
        if (data_ < to.end() && to.begin() < data_ + size_)
            refuse("out shares memory with theta: pass another array");
        if (outputs_->takes_long(rows)) {
            const nb::gil_scoped_release release;
            outputs_->of(data_, from.begin(), to.begin(), rows, threads_);
        } else {
            outputs_->of(data_, from.begin(), to.begin(), rows, 1);
        }
        return out;
    }

    std::string repr() const {
        std::string sizes = std::to_string(n_0_);
        for (const Layer& layer : outputs_->layers()) sizes += "-" + std::to_string(layer.n_out);
        return "<Predictor " + sizes + (single_ ? ", float32" : ", float64") + ", native engine>";
    }

  private:
    nb::object theta_, dtype_;
    int threads_;
    nb::object empty_;
    bool single_ = false;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
    idx n_0_ = 0, n_L_ = 0;
    std::unique_ptr<Outputs> outputs_;
};

// The numerical check's view of a network: see gradcheck/core.py.
class Checker {
  public:
    // stages: (W^T, b, z, a, mask or None, f, setting, kinked, bends) each; cost: as Core has it.
    Checker(const std::string& isa, nb::list stages, nb::object Y, nb::tuple cost)
        : stages_(stages), Y_(Y) {
        const Isa& set = isa_named(isa);
        std::vector<Stage> found;
        for (nb::handle item : stages) {
            const auto t = nb::cast<nb::tuple>(item);
            const Read W = nb::cast<Read>(t[0], false), z = nb::cast<Read>(t[2], false);
            if (W.ndim() != 2 || z.ndim() != 2) refuse("W and z must have two dimensions");
            Stage s = {};
            s.n_in = (idx)W.shape(0);
            s.n_out = (idx)W.shape(1);
            samples_ = found.empty() ? (idx)z.shape(0) : samples_;
            if (s.n_in < 1 || s.n_out < 1) refuse("a layer's sizes must be at least 1");
            if (!found.empty() && s.n_in != found.back().n_out)
                refuse("a layer's inputs must be the outputs of the layer before");
            const std::size_t n = times((std::size_t)samples_, (std::size_t)s.n_out);
            s.W = doubles(t[0], "W", W.size());
            s.b = doubles(t[1], "b", (std::size_t)s.n_out);
            s.z = doubles(t[2], "z", n);
            s.a = doubles(t[3], "a", n);
            if (!nb::handle(t[4]).is_none()) s.mask = doubles(t[4], "mask", n);
            s.f = nb::cast<int>(t[5]);
            s.setting = nb::cast<double>(t[6]);
            s.kinked = nb::cast<bool>(t[7]);
            s.bends = nb::cast<bool>(t[8]);
            found.push_back(s);
        }
        if (found.empty() || samples_ < 1) refuse("a check needs at least one layer and one sample");
        Moves moves = {};
        moves.Y = doubles(Y, "Y", times((std::size_t)samples_, (std::size_t)found.back().n_out));
        moves.cost = nb::cast<int>(cost[0]);
        moves.cost_setting = nb::cast<double>(cost[1]);
        moves.canonical = nb::cast<bool>(cost[2]);
        differences_ = std::make_unique<Differences>(std::move(found), moves, samples_, set.of_double);
    }

    // J (rows,) of each sample with its z^l[unit] moved by `by`, l from 1; flags and where: see Moves.
    void costs(idx l, Read samples, Read units, Read by, bool careful, Write J, Write flags,
               Write where, int threads) const {
        const auto& stages = differences_->stages();
        if (l < 1 || l > (idx)stages.size()) refuse("there is no layer " + std::to_string(l));
        const std::size_t rows = samples.size();
        Moves m = {};
        m.layer = l - 1;
        m.careful = careful;
        m.samples = places(samples, "samples", rows, samples_);
        m.units = places(units, "units", rows, stages[(std::size_t)l - 1].n_out);
        check(by, "by", nb::dtype<double>(), rows);
        check(J, "J", nb::dtype<double>(), rows);
        check(flags, "flags", nb::dtype<std::uint8_t>(), rows);
        check(where, "where", nb::dtype<std::int32_t>(), times(2, rows));
        m.by = static_cast<const double*>(by.data());
        m.J = static_cast<double*>(J.data());
        m.flags = static_cast<std::uint8_t*>(flags.data());
        m.where = static_cast<std::int32_t*>(where.data());
        if (rows == 0) return;
        const nb::gil_scoped_release release;
        differences_->costs(m, (idx)rows, threads);
    }

    // Copies a^l as the kernels have it.
    void own(idx l, Write a) const {
        const auto& stages = differences_->stages();
        if (l < 1 || l > (idx)stages.size()) refuse("there is no layer " + std::to_string(l));
        const Stage& stage = stages[(std::size_t)l - 1];
        const std::size_t n = (std::size_t)(samples_ * stage.n_out);
        check(a, "a", nb::dtype<double>(), n);
        std::copy(stage.own, stage.own + n, static_cast<double*>(a.data()));
    }

  private:
    static const double* doubles(nb::handle array, const char* name, std::size_t size) {
        const Read read = nb::cast<Read>(array, false);
        check(read, name, nb::dtype<double>(), size);
        return static_cast<const double*>(read.data());
    }
    static const std::int64_t* places(const Read& array, const char* name, std::size_t size, idx below) {
        check(array, name, nb::dtype<std::int64_t>(), size);
        const auto* p = static_cast<const std::int64_t*>(array.data());
        for (std::size_t i = 0; i < size; i++)
            if (p[i] < 0 || p[i] >= below)
                refuse(std::string(name) + "[" + std::to_string(i) + "] = " + std::to_string(p[i]) +
                       " must be from 0 and below " + std::to_string(below));
        return p;
    }

    nb::object stages_, Y_;
    idx samples_ = 0;
    std::unique_ptr<Differences> differences_;
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
        .def("sums", &Core::sums, "theta"_a.noconvert(), "dtheta"_a, "order"_a.noconvert(),
             "places"_a.noconvert(), "step"_a, "threads"_a)
        .def("step", &Core::step, "theta"_a.noconvert(), "state"_a.noconvert(),
             "gradient"_a.noconvert(), "rate"_a, "number"_a, "squares"_a.noconvert(), "threads"_a);
    nb::class_<Predictor>(m, "Predictor", "A network's outputs: see chainrule.engines.native.")
        .def(nb::init<const std::string&, nb::list, nb::object, int>(), "isa"_a, "layers"_a,
             "theta"_a, "threads"_a)
        .def("__call__", &Predictor::call, "X"_a.none(), "out"_a.none() = nb::none(),
             "Return the outputs (m, n_L) of X (m, n_0), in out where it is given.")
        .def("__repr__", &Predictor::repr);
    nb::class_<Checker>(m, "Checker", "J with single z moved: see chainrule.gradcheck.core.")
        .def(nb::init<const std::string&, nb::list, nb::object, nb::tuple>(), "isa"_a, "stages"_a,
             "Y"_a, "cost"_a)
        .def("costs", &Checker::costs, "layer"_a, "samples"_a.noconvert(), "units"_a.noconvert(),
             "by"_a.noconvert(), "careful"_a, "J"_a.noconvert(), "flags"_a.noconvert(),
             "where"_a.noconvert(), "threads"_a)
        .def("own", &Checker::own, "layer"_a, "a"_a.noconvert());
    m.def("tables", &tables, "The names and settings that the core knows, in its own order.");
    m.def("available_isas", &available_isas, "The instruction sets of this processor, best first.");
    m.def("processors", &processors, "The processors this process may use.");
    m.def("elementwise", &elementwise, "isa"_a, "function"_a, "x"_a.noconvert(), "y"_a.noconvert());
}
