// oracle.cpp: trains networks with the core, on every instruction set of this machine, and compares
// with the notes' loops in double, written here out of textbook formulas. Needs no Python, so that
// it runs wherever a compiler or an emulator does: see tests/native/portable.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <random>
#include <string>

#include "../../src/core/outputs.hpp"
#include "../../src/core/session.hpp"
#include "../../src/core/tables.hpp"

using namespace chainrule;
using Numbers = std::vector<double>;

const double SLOPE = 0.1, ALPHA = 1.3, SMOOTHING = 0.1, DELTA = 0.5, QUANTILE = 0.3;
const double EPSILON = 1e-8, DECAY = 0.01;

struct Case {
    std::vector<idx> sizes;
    Activation hidden, output;
    Cost cost;
    Optimizer optimizer;
    idx rows, batch, steps;
    bool weighted;
    double l1, l2, clip_value, clip_norm;
};

double setting_of(Activation f) {
    return f == Activation::leaky_relu ? SLOPE : f == Activation::elu ? ALPHA : 0;
}
double setting_of(Cost c) {
    switch (c) {
        case Cost::cross_entropy: return SMOOTHING;
        case Cost::huber: return DELTA;
        case Cost::quantile: return QUANTILE;
        default: return 0;
    }
}
Numbers settings_of(Optimizer o) {
    switch (o) {
        case Optimizer::gradient_descent: return {};
        case Optimizer::momentum:
        case Optimizer::nesterov: return {0.9};
        case Optimizer::rmsprop: return {0.9, EPSILON};
        case Optimizer::adagrad: return {EPSILON};
        case Optimizer::adam: return {0.9, 0.99, EPSILON};
        case Optimizer::adamw: return {0.9, 0.99, EPSILON, DECAY};
    }
    return {};
}

// f(z) and f'(z).
double f_of(Activation f, double z) {
    switch (f) {
        case Activation::identity: return z;
        case Activation::sigmoid: return 1 / (1 + std::exp(-z));
        case Activation::tanh: return std::tanh(z);
        case Activation::relu: return z > 0 ? z : 0;
        case Activation::leaky_relu: return z > 0 ? z : SLOPE * z;
        case Activation::elu: return z > 0 ? z : ALPHA * std::expm1(z);
        case Activation::selu:
            return 1.0507009873554805 * (z > 0 ? z : 1.6732632423543772 * std::expm1(z));
        case Activation::softplus: return std::log1p(std::exp(z));
        case Activation::softsign: return z / (1 + std::fabs(z));
        case Activation::gelu: return z * std::erfc(-z / std::sqrt(2)) / 2;
        case Activation::silu: return z / (1 + std::exp(-z));
        case Activation::mish: return z * std::tanh(std::log1p(std::exp(z)));
        case Activation::exp: return std::exp(z);
        case Activation::softmax: break;
    }
    return NAN;
}
double df_of(Activation f, double z) {
    const double s = 1 / (1 + std::exp(-z)), t = std::tanh(z);
    switch (f) {
        case Activation::identity: return 1;
        case Activation::sigmoid: return s * (1 - s);
        case Activation::tanh: return 1 - t * t;
        case Activation::relu: return z > 0 ? 1 : 0;
        case Activation::leaky_relu: return z > 0 ? 1 : SLOPE;
        case Activation::elu: return z > 0 ? 1 : ALPHA * std::exp(z);
        case Activation::selu:
            return 1.0507009873554805 * (z > 0 ? 1 : 1.6732632423543772 * std::exp(z));
        case Activation::softplus: return s;
        case Activation::softsign: return 1 / ((1 + std::fabs(z)) * (1 + std::fabs(z)));
        case Activation::gelu:
            return std::erfc(-z / std::sqrt(2)) / 2 +
                   z * std::exp(-z * z / 2) / std::sqrt(2 * M_PI);
        case Activation::silu: return s + z * s * (1 - s);
        case Activation::mish: {
            const double m = std::tanh(std::log1p(std::exp(z)));
            return m + z * s * (1 - m * m);
        }
        case Activation::exp: return std::exp(z);
        case Activation::softmax: break;
    }
    return NAN;
}

// J of one entry, and dJ/da.
double J_of(Cost c, double a, double y) {
    const double d = a - y;
    switch (c) {
        case Cost::logistic: return -(y * std::log(a) + (1 - y) * std::log(1 - a));
        case Cost::cross_entropy: return -y * std::log(a);
        case Cost::squared_error: return d * d / 2;
        case Cost::absolute_error: return std::fabs(d);
        case Cost::huber:
            return std::fabs(d) <= DELTA ? d * d / 2 : DELTA * (std::fabs(d) - DELTA / 2);
        case Cost::quantile: return d > 0 ? (1 - QUANTILE) * d : -QUANTILE * d;
        case Cost::poisson: return y > 0 ? a - y * std::log(a) : a;
    }
    return NAN;
}
double dJ_of(Cost c, double a, double y) {
    const double d = a - y;
    switch (c) {
        case Cost::logistic: return (1 - y) / (1 - a) - y / a;
        case Cost::cross_entropy: return -y / a;
        case Cost::squared_error: return d;
        case Cost::absolute_error: return d > 0 ? 1 : -1;
        case Cost::huber: return std::fabs(d) <= DELTA ? d : d > 0 ? DELTA : -DELTA;
        case Cost::quantile: return d > 0 ? 1 - QUANTILE : -QUANTILE;
        case Cost::poisson: return 1 - y / a;
    }
    return NAN;
}

struct Data {
    Numbers X, Y, weights, theta;
};
struct Result {
    Numbers costs, squares, theta, state, outputs, dtheta;
    double J = 0;
};

// The loops: one network, one row after the other, one number after the other.
struct Loops {
    const Case& c;
    const Data& data;
    Numbers theta;
    std::size_t L = c.sizes.size() - 1;
    std::vector<Numbers> a{L + 1}, z{L + 1}, dz{L + 1};

    Activation f(std::size_t l) const { return l == L ? c.output : c.hidden; }
    std::size_t w(std::size_t l) const {
        std::size_t at = 0;
        for (std::size_t k = 1; k < l; k++) at += (std::size_t)((c.sizes[k - 1] + 1) * c.sizes[k]);
        return at;
    }
    std::size_t n(std::size_t l) const { return (std::size_t)c.sizes[l]; }
    std::size_t b(std::size_t l) const { return w(l) + n(l - 1) * n(l); }

    void forward(std::size_t row) {
        a[0].assign(&data.X[row * n(0)], &data.X[row * n(0)] + n(0));
        for (std::size_t l = 1; l <= L; l++) {
            z[l].assign(n(l), 0);
            a[l].assign(n(l), 0);
            double sum = 0;
            for (std::size_t j = 0; j < n(l); j++) {
                z[l][j] = theta[b(l) + j];
                for (std::size_t i = 0; i < n(l - 1); i++)
                    z[l][j] += theta[w(l) + i * n(l) + j] * a[l - 1][i];
                a[l][j] = f(l) == Activation::softmax ? std::exp(z[l][j]) : f_of(f(l), z[l][j]);
                sum += a[l][j];
            }
            if (f(l) == Activation::softmax)
                for (double& x : a[l]) x /= sum;
        }
    }

    double target(std::size_t row, std::size_t j) const {
        const double y = data.Y[row * n(L) + j];
        return c.cost == Cost::cross_entropy ? (1 - SMOOTHING) * y + SMOOTHING / (double)n(L) : y;
    }

    // Adds share * J and its gradient of one row.
    double backward(std::size_t row, double share, Numbers& dtheta) {
        forward(row);
        double J = 0;
        Numbers da(n(L));
        for (std::size_t j = 0; j < n(L); j++) {
            J += share * J_of(c.cost, a[L][j], target(row, j));
            da[j] = share * dJ_of(c.cost, a[L][j], target(row, j));
        }
        for (std::size_t l = L; l > 0; l--) {
            double mean = 0;
            for (std::size_t j = 0; j < n(l); j++) mean += da[j] * a[l][j];
            dz[l].assign(n(l), 0);
            for (std::size_t j = 0; j < n(l); j++)
                dz[l][j] = f(l) == Activation::softmax ? a[l][j] * (da[j] - mean)
                                                       : da[j] * df_of(f(l), z[l][j]);
            da.assign(n(l - 1), 0);
            for (std::size_t j = 0; j < n(l); j++) {
                dtheta[b(l) + j] += dz[l][j];
                for (std::size_t i = 0; i < n(l - 1); i++) {
                    dtheta[w(l) + i * n(l) + j] += dz[l][j] * a[l - 1][i];
                    da[i] += theta[w(l) + i * n(l) + j] * dz[l][j];
                }
            }
        }
        return J;
    }

    // J with its penalty and the gradient over rows [from, to).
    double gradient(std::size_t from, std::size_t to, Numbers& dtheta) {
        dtheta.assign(theta.size(), 0);
        double sum = 0, J = 0;
        for (std::size_t i = from; i < to; i++) sum += c.weighted ? data.weights[i] : 1;
        for (std::size_t i = from; i < to; i++)
            if (sum > 0) J += backward(i, (c.weighted ? data.weights[i] : 1) / sum, dtheta);
        for (std::size_t l = 1; l <= L; l++)
            for (std::size_t k = w(l); k < b(l); k++) {
                J += c.l1 * std::fabs(theta[k]) + c.l2 * theta[k] * theta[k] / 2;
                dtheta[k] += c.l1 * (theta[k] > 0 ? 1 : -1) + c.l2 * theta[k];
            }
        return J;
    }

    void clip(Numbers& dtheta) const {
        double squares = 0;
        for (double& g : dtheta) {
            if (c.clip_value > 0) g = std::fmax(-c.clip_value, std::fmin(c.clip_value, g));
            squares += g * g;
        }
        if (c.clip_norm > 0 && std::sqrt(squares) > c.clip_norm)
            for (double& g : dtheta) g *= c.clip_norm / std::sqrt(squares);
    }

    void step(std::size_t k, bool weight, double g, double rate, double t, double& s, double& v) {
        switch (c.optimizer) {
            case Optimizer::gradient_descent: theta[k] -= rate * g; return;
            case Optimizer::momentum:
                s = 0.9 * s + g;
                theta[k] -= rate * s;
                return;
            case Optimizer::nesterov:
                s = 0.9 * s + g;
                theta[k] -= rate * (g + 0.9 * s);
                return;
            case Optimizer::rmsprop:
                s = 0.9 * s + 0.1 * g * g;
                theta[k] -= rate * g / (std::sqrt(s) + EPSILON);
                return;
            case Optimizer::adagrad:
                s += g * g;
                theta[k] -= rate * g / (std::sqrt(s) + EPSILON);
                return;
            case Optimizer::adamw:
                if (weight) theta[k] -= rate * DECAY * theta[k];
                [[fallthrough]];
            case Optimizer::adam:
                s = 0.9 * s + 0.1 * g;
                v = 0.99 * v + 0.01 * g * g;
                theta[k] -= rate * (s / (1 - std::pow(0.9, t))) /
                            (std::sqrt(v / (1 - std::pow(0.99, t))) + EPSILON);
                return;
        }
    }

    Result train(double rate) {
        Result r;
        const std::size_t P = theta.size(), rows = (std::size_t)c.rows;
        r.J = gradient(0, rows, r.dtheta);
        for (std::size_t i = 0; i < rows; i++) {
            forward(i);
            r.outputs.insert(r.outputs.end(), a[L].begin(), a[L].end());
        }
        Numbers state(2 * P, 0.0), dtheta;
        for (std::size_t s = 0; s < (std::size_t)c.steps; s++) {
            const std::size_t from = s * (std::size_t)c.batch % rows;
            r.costs.push_back(gradient(from, std::min(rows, from + (std::size_t)c.batch), dtheta));
            for (std::size_t l = 1; l <= L; l++) {
                double squares = 0;
                for (std::size_t k = w(l); k < b(l) + n(l); k++) squares += dtheta[k] * dtheta[k];
                r.squares.push_back(squares);
            }
            clip(dtheta);
            for (std::size_t l = 1; l <= L; l++)
                for (std::size_t k = w(l); k < b(l) + n(l); k++)
                    step(k, k < b(l), dtheta[k], rate, (double)s + 1, state[k], state[P + k]);
        }
        r.theta = theta;
        state.resize(P * (std::size_t)OPTIMIZERS[(int)c.optimizer].slots);
        r.state = state;
        return r;
    }
};

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
        layers.push_back({n_in, n_out, at, at + n_in * n_out, (int)f, setting_of(f), 0});
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
