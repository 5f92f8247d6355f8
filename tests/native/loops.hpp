// loops.hpp: the notes' loops in double, out of textbook formulas: what oracle.cpp compares the
// core with. One network, one row after the other, one number after the other.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "../../src/core/core.hpp"
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
