// bindings.cpp: the module, and training as Python sees it.
#include <algorithm>

#include "bindings.hpp"
#include "question.hpp"
#include "session.hpp"

namespace chainrule {
namespace {

class Core {
  public:
    // layers: see layers_of; cost: see checked_cost; optimizer: (number, settings, slots).
    Core(const std::string& isa, nb::list layers, double input_rate, nb::tuple cost, double l1,
         double l2, std::uint64_t seed, nb::tuple optimizer, double clip_value, double clip_norm,
         nb::object X, nb::object Y, nb::object weights)
        : X_(X), Y_(Y), weights_(weights) {
        const Isa& set = isa_named(isa);
        const Read x = cast<Read>(X, "X"), y = cast<Read>(Y, "Y");
        dtype_ = x.dtype();
        const bool single = dtype_ == nb::dtype<float>();
        if (!single && dtype_ != nb::dtype<double>()) refuse("X must be float32 or float64");
        Problem p = {};
        std::size_t at = 0;
        std::vector<Layer> network = layers_of(layers, &at);
        p.parameters = (idx)at;
        p.input_rate = checked_rate(input_rate);
        const CheckedCost checked = checked_cost(cost, network.back().f);
        p.cost = checked.number;
        p.cost_setting = checked.setting;
        p.canonical = checked.canonical;
        p.l1 = l1;
        p.l2 = l2;
        p.seed = seed;
        optimizer = checked_tuple(optimizer, 3, "optimizer");
        p.optimizer =
            checked_entry(optimizer[0], optimizer[1], OPTIMIZERS, "optimizer", p.settings);
        p.slots = nb::cast<idx>(optimizer[2]);
        if (p.slots != OPTIMIZERS[p.optimizer].slots)
            refuse("the optimizer has another number of slots");
        p.clip_value = clip_value;
        p.clip_norm = clip_norm;
        if (x.ndim() != 2 || x.shape(1) != (std::size_t)network.front().n_in)
            refuse("X must have a column for each input");
        p.rows = (idx)x.shape(0);
        check(x, "X", dtype_, times(x.shape(0), x.shape(1)));
        check(y, "Y", dtype_, times(x.shape(0), (std::size_t)network.back().n_out));
        p.X = x.data();
        p.Y = y.data();
        if (!weights.is_none()) {
            const Read w = cast<Read>(weights, "weights");
            check(w, "weights", nb::dtype<double>(), x.shape(0));
            p.weights = w.data();
        }
        session_ =
            std::make_unique<Session>(p, std::move(network), single ? set.of_float : set.of_double);
    }

    idx run(Write theta, Write state, Read order, idx batch, Read rates, idx first_step,
            Write costs, Write squares, int threads, nb::object stop) {
        const Problem& p = session_->problem();
        const std::size_t P = (std::size_t)p.parameters;
        if (batch < 1) refuse("the batch size must be at least 1");
        batch = std::min(batch, idx{1} << 40);  // more rows than there are, and sums that fit
        if (first_step < 0) refuse("the first step must be 0 or above");
        Run run = base(order);
        const std::size_t steps =
            ((std::size_t)run.k + (std::size_t)batch - 1) / (std::size_t)batch;
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
        return run_asking(*session_, run, threads, stop);
    }

    // J over the rows that order names (None: all), and its gradient unless dtheta is None.
    double evaluate(Read theta, nb::object dtheta, nb::object order, int threads, nb::object stop) {
        Run run = order.is_none() ? Run{} : base(cast<Read>(order, "order"));
        if (order.is_none()) run.k = session_->problem().rows;
        return pass(run, theta, dtheta, threads, stop);
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
        return pass(run, theta, dtheta, threads, nb::none());
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
        check_apart(
            {{"theta", theta}, {"state", state}, {"gradient", gradient}, {"squares", squares}},
            {X(), Y(), weights()});
        Run run = {};
        run.theta = theta.data();
        run.state = state.data();
        run.gradient = gradient.data();
        run.batch = 1;
        run.rates = &rate;
        run.first_step = number;
        run.squares = static_cast<double*>(squares.data());
        run.train = run.careful = true;
        const Unlocked unlocked;
        session_->run(run, threads);
    }

    // (schedule, [(forward, backward, gradient, update) of each layer]) of a run of batches of so
    // many rows, as names: see plan.hpp.
    nb::tuple plan(idx batch, int threads, bool train, bool gradient) const {
        if (batch < 1) refuse("the batch size must be at least 1");
        if (checked_threads(threads) == 0) threads = 1;
        Run run = {};
        double none = 0;
        run.k = run.batch = batch;
        run.train = run.masked = train;
        run.dtheta = gradient ? &none : nullptr;
        std::vector<LayerPlan> layers;
        const RunPlan plan = session_->plan(run, threads, layers);
        nb::list names;
        for (const LayerPlan& layer : layers)
            names.append(nb::make_tuple(
                FORWARD_NAMES[(int)layer.forward], BACKWARD_NAMES[(int)layer.backward],
                GRADIENT_NAMES[(int)layer.gradient], UPDATE_NAMES[(int)layer.update]));
        return nb::make_tuple(SCHEDULE_NAMES[(int)plan.schedule], names);
    }

  private:
    // One pass over the run's rows: returns J, and the gradient in dtheta unless it is None.
    double pass(Run run, const Read& theta, nb::object dtheta, int threads, nb::object stop) {
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
                                          X(),
                                          Y(),
                                          weights()});
            run.dtheta = g.data();
        }
        double J = 0;
        run.costs = &J;
        if (run.k == 0) refuse("there are no rows to evaluate");
        run.batch = run.k;
        run_asking(*session_, run, threads, stop);
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

template <std::size_t N>
nb::dict settings_by_name(const Entry (&table)[N]) {
    nb::dict settings;
    for (const Entry& entry : table)
        settings[entry.name] = nb::tuple(nb::str(entry.settings).attr("split")());
    return settings;
}

nb::dict tables() {
    nb::dict all;
    all["activations"] = settings_by_name(ACTIVATIONS);
    all["costs"] = settings_by_name(COSTS);
    all["optimizers"] = settings_by_name(OPTIMIZERS);
    all["ops"] = settings_by_name(OPS);
    return all;
}

nb::list available_isas() {
    nb::list names;
    int count;
    const Isa* all = isas(&count);
    for (int i = 0; i < count; i++)
        if (all[i].supported()) names.append(all[i].name);
    return names;
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
    // A fork never ends its parent's other threads, nor Python its daemons: what they hold is no
    // leak.
    nb::set_leak_warnings(false);
    m.doc() = "The native core: see chainrule.engines.native.";
    nb::class_<Core>(m, "Core")
        .def(
            nb::init<const std::string&, nb::list, double, nb::tuple, double, double, std::uint64_t,
                     nb::tuple, double, double, nb::object, nb::object, nb::object>(),
            "isa"_a, "layers"_a, "input_rate"_a, "cost"_a, "l1"_a, "l2"_a, "seed"_a, "optimizer"_a,
            "clip_value"_a, "clip_norm"_a, "X"_a, "Y"_a, "weights"_a.none())
        .def("run", &Core::run, "theta"_a.noconvert(), "state"_a.noconvert(), "order"_a.noconvert(),
             "batch_size"_a, "rates"_a.noconvert(), "first_step"_a, "costs"_a.noconvert(),
             "squares"_a.noconvert(), "threads"_a, "stop"_a.none() = nb::none())
        .def("evaluate", &Core::evaluate, "theta"_a.noconvert(), "dtheta"_a.none(),
             "order"_a.none(), "threads"_a, "stop"_a.none() = nb::none())
        .def("sums", &Core::sums, "theta"_a.noconvert(), "dtheta"_a, "order"_a.noconvert(),
             "places"_a.noconvert(), "step"_a, "threads"_a)
        .def("step", &Core::step, "theta"_a.noconvert(), "state"_a.noconvert(),
             "gradient"_a.noconvert(), "rate"_a, "number"_a, "squares"_a.noconvert(), "threads"_a)
        .def("plan", &Core::plan, "batch_size"_a, "threads"_a, "train"_a, "gradient"_a);
    bind_predictor(m);
    bind_checker(m);
    bind_rows(m);
    m.def("tables", &tables, "The names and settings that the core knows, in its own order.");
    m.def("available_isas", &available_isas, "The instruction sets of this processor, best first.");
    m.def("processors", &processors, "The processors this process may use.");
    m.def("elementwise", &elementwise, "isa"_a, "function"_a, "x"_a.noconvert(), "y"_a.noconvert());
}
