// oracle.cpp: trains networks with the core, on every instruction set of this machine, and compares
// with the notes' loops in double: see loops.hpp. Needs no Python, so that it runs wherever a
// compiler or an emulator does: see tests/native/portable.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <random>
#include <string>

#include "../../src/core/outputs.hpp"
#include "../../src/core/session.hpp"
#include "../../src/core/tables.hpp"
#include "loops.hpp"

using namespace chainrule;

template <class Real>
Result trained(const Case& c, const Data& data, const Kernels* kernels, double rate, int threads) {
    const auto reals = [](const Numbers& x) { return std::vector<Real>(x.begin(), x.end()); };
    const auto numbers = [](const std::vector<Real>& x) { return Numbers(x.begin(), x.end()); };
    const std::vector<Real> X = reals(data.X), Y = reals(data.Y);
    std::vector<Layer> layers;
    idx at = 0;
    for (std::size_t l = 1; l < c.sizes.size(); l++) {
        const Activation f = l + 1 == c.sizes.size() ? c.output : c.hidden;
        const idx n_in = c.sizes[l - 1], n_out = c.sizes[l];
        layers.push_back({.op = Op::affine,
                          .n_in = n_in,
                          .n_out = n_out,
                          .w = at,
                          .b = at + n_in * n_out,
                          .f = (int)f,
                          .setting = setting_of(f),
                          .rate = 0,
                          .place = (idx)l});
        at += (n_in + 1) * n_out;
    }
    Problem p = {};
    p.parameters = at;
    p.cost = (int)c.cost;
    p.cost_setting = setting_of(c.cost);
    p.canonical = (c.cost == Cost::logistic && c.output == Activation::sigmoid) ||
                  (c.cost == Cost::cross_entropy && c.output == Activation::softmax) ||
                  (c.cost == Cost::squared_error && c.output == Activation::identity) ||
                  (c.cost == Cost::poisson && c.output == Activation::exp);
    p.l1 = c.l1;
    p.l2 = c.l2;
    p.optimizer = (int)c.optimizer;
    const Numbers settings = settings_of(c.optimizer);
    for (std::size_t k = 0; k < settings.size(); k++) p.settings[k] = settings[k];
    p.slots = OPTIMIZERS[(int)c.optimizer].slots;
    p.clip_value = c.clip_value;
    p.clip_norm = c.clip_norm;
    p.X = X.data();
    p.Y = Y.data();
    p.weights = c.weighted ? data.weights.data() : nullptr;
    p.rows = c.rows;
    const std::size_t depth = layers.size();
    const std::vector<Layer> inferring = layers;
    Session session(p, std::move(layers), kernels);

    Result r;
    std::vector<Real> theta = reals(data.theta), dtheta(theta.size());
    std::vector<Real> state(theta.size() * (std::size_t)p.slots);
    std::vector<Real> outputs((std::size_t)(c.rows * c.sizes.back()));
    Run run = {};
    run.theta = theta.data();
    run.k = run.batch = c.rows;
    run.costs = &r.J;
    run.dtheta = dtheta.data();
    session.run(run, threads);
    Outputs(inferring, kernels, sizeof(Real))
        .of(theta.data(), X.data(), outputs.data(), c.rows, threads);

    const idx in_order = c.rows % c.batch ? std::min(c.rows, c.batch * c.steps) : c.batch * c.steps;
    std::vector<std::int64_t> order((std::size_t)in_order);
    for (std::size_t i = 0; i < order.size(); i++) order[i] = (std::int64_t)i % c.rows;
    const Numbers rates((std::size_t)c.steps, rate);
    r.costs.resize(rates.size());
    r.squares.resize(rates.size() * depth);
    run = {};
    run.theta = theta.data();
    run.state = state.data();
    run.order = order.data();
    run.k = (idx)order.size();
    run.batch = c.batch;
    run.rates = rates.data();
    run.costs = r.costs.data();
    run.squares = r.squares.data();
    run.train = run.masked = true;
    session.run(run, threads);
    r.theta = numbers(theta);
    r.state = numbers(state);
    r.outputs = numbers(outputs);
    r.dtheta = numbers(dtheta);
    return r;
}

double distance(const Numbers& found, const Numbers& wanted) {
    if (found.size() != wanted.size()) return INFINITY;
    double difference = 0, length = 0;
    for (std::size_t i = 0; i < found.size(); i++) {
        difference += (found[i] - wanted[i]) * (found[i] - wanted[i]);
        length += wanted[i] * wanted[i];
    }
    return std::sqrt(difference) / std::fmax(std::sqrt(length), 1e-30);
}

int failures = 0, compared = 0;
double worst[2] = {0, 0};

bool same(const Numbers& one, const Numbers& two) {
    return one.size() == two.size() &&
           (one.empty() || std::memcmp(one.data(), two.data(), one.size() * sizeof(double)) == 0);
}

template <class Real>
void compare(const Case& c, const Data& data, const Isa& isa, const Result& wanted, double rate) {
    constexpr bool single = sizeof(Real) == 4;
    const Kernels* kernels = single ? isa.of_float : isa.of_double;
    const double exact = single ? 2e-5 : 1e-12, drift = single ? 2e-3 : 1e-9;
    const Result one = trained<Real>(c, data, kernels, rate, 1);
    const Result two = trained<Real>(c, data, kernels, rate, 2);
    const struct {
        const char* name;
        const Numbers &found, &again, &wanted;
        double limit;
    } parts[] = {
        {"J", {one.J}, {two.J}, {wanted.J}, exact},
        {"gradient", one.dtheta, two.dtheta, wanted.dtheta, exact},
        {"outputs", one.outputs, two.outputs, wanted.outputs, exact},
        {"costs", one.costs, two.costs, wanted.costs, drift},
        {"squares", one.squares, two.squares, wanted.squares, drift},
        {"theta", one.theta, two.theta, wanted.theta, drift},
        {"state", one.state, two.state, wanted.state, drift},
    };
    for (const auto& part : parts) {
        const double far = distance(part.found, part.wanted);
        const bool good = far <= part.limit && same(part.found, part.again);
        compared++;
        if (part.limit == exact) worst[single] = std::fmax(worst[single], far);
        if (good) continue;
        failures++;
        std::printf("%s float%d, %s %s %s %s, %td rows, %td a batch: %s is %.2g away%s\n", isa.name,
                    single ? 32 : 64, ACTIVATIONS[(int)c.hidden].name,
                    ACTIVATIONS[(int)c.output].name, COSTS[(int)c.cost].name,
                    OPTIMIZERS[(int)c.optimizer].name, c.rows, c.batch, part.name, far,
                    same(part.found, part.again) ? "" : ", and other bits on two threads");
    }
}

// Numbers that float32 can hold, so that both dtypes have the same problem.
Data data_of(const Case& c, unsigned seed) {
    std::mt19937 bits(seed);
    const auto uniform = [&] { return (double)(bits() >> 8) / 16777216.0; };
    Data data;
    const idx n_L = c.sizes.back();
    for (idx i = 0; i < c.rows * c.sizes.front(); i++) data.X.push_back((float)(2 * uniform() - 1));
    for (idx i = 0; i < c.rows; i++) {
        data.weights.push_back(uniform() > 0.2 ? (float)uniform() : 0);
        const idx which = (idx)(uniform() * (double)n_L);
        for (idx j = 0; j < n_L; j++)
            data.Y.push_back(c.cost == Cost::cross_entropy ? (double)(j == which)
                             : c.cost == Cost::poisson     ? std::floor(4 * uniform())
                                                           : (double)(float)uniform());
    }
    for (std::size_t l = 1; l < c.sizes.size(); l++) {
        const double scale = 1 / std::sqrt((double)c.sizes[l - 1]);
        for (idx k = 0; k < (c.sizes[l - 1] + 1) * c.sizes[l]; k++)
            data.theta.push_back((float)(scale * (2 * uniform() - 1)));
    }
    return data;
}

Activation output_for(Cost cost, int n) {
    const Activation any[] = {Activation::identity, Activation::sigmoid, Activation::tanh,
                              Activation::gelu,     Activation::softmax, Activation::exp};
    const Activation counts[] = {Activation::exp, Activation::softplus, Activation::sigmoid,
                                 Activation::softmax};
    const Activation shares[] = {Activation::sigmoid, Activation::softmax};
    if (cost == Cost::logistic) return shares[n % 2];
    if (cost == Cost::cross_entropy) return Activation::softmax;
    return cost == Cost::poisson ? counts[n % 4] : any[n % 6];
}

int main() {
    struct Shape {
        std::vector<idx> sizes;
        idx rows, batch, steps;
    };
    const Shape small[] = {
        {{5, 7, 4, 3}, 37, 10, 4},  // a short last batch, remainders everywhere
        {{3, 17, 2}, 33, 33, 2},    // whole batches
        {{4, 3, 2}, 9, 1, 9},       // one sample in registers
        {{9, 33, 18, 2}, 40, 16, 3},
    };
    const Shape large[] = {
        {{4, 32, 16, 4}, 1500, 1500, 2},   // parts
        {{20, 300, 290, 2}, 150, 100, 2},  // shared rows
        {{70, 256, 512, 3}, 64, 64, 1},    // panels that are packed
    };
    int count, number = 0;
    const Isa* all = isas(&count);
    const auto check = [&](Case c, const Shape& shape) {
        c.sizes = shape.sizes;
        c.rows = shape.rows;
        c.batch = shape.batch;
        c.steps = shape.steps;
        const Data data = data_of(c, (unsigned)number);
        const double rate = 1e-2;
        const Result wanted = Loops{c, data, data.theta}.train(rate);
        for (int i = 0; i < count; i++)
            if (all[i].supported()) {
                compare<float>(c, data, all[i], wanted, rate);
                compare<double>(c, data, all[i], wanted, rate);
            }
        number++;
    };
    const auto made = [&](int f, int o) {
        Case c = {};
        c.hidden = (Activation)f;
        c.optimizer = (Optimizer)o;
        c.cost = (Cost)(number % std::ssize(COSTS));
        c.output = output_for(c.cost, number / (int)std::ssize(COSTS));
        c.weighted = number % 3 == 0;
        if (number % 4 == 1) c.l1 = 1e-3, c.l2 = 1e-2;
        if (number % 5 == 1) c.clip_value = 0.02;
        if (number % 5 < 2) c.clip_norm = 0.05;
        return c;
    };
    for (int f = 0; f < std::ssize(ACTIVATIONS); f++)
        for (int o = 0; o < std::ssize(OPTIMIZERS); o++) check(made(f, o), small[number % 4]);
    for (const Shape& shape : large)
        for (int f : {(int)Activation::tanh, (int)Activation::relu, (int)Activation::gelu})
            check(made(f, number % (int)std::ssize(OPTIMIZERS)), shape);
    std::printf(
        "%d networks, %d comparisons, %d failed; J, gradient and outputs at most %.2g (float64) "
        "and %.2g (float32) away\n",
        number, compared, failures, worst[0], worst[1]);
    return failures > 0;
}
