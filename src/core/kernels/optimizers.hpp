// optimizers.hpp: each optimizer's step on a register of parameters, in the formulas' own order.
#pragma once

#include "activations.hpp"

// The numbers of one step, worked out in double and rounded once.
struct Numbers {
    real rate, a, b, c, d, e;  // the optimizer's, see below
    real keep;              // what weight decay leaves of a weight
    real l1, l2;
    bool penalised;
};

static Numbers numbers_of(const Problem& p, double rate, idx t) {
    Numbers u = {};
    const double* s = p.settings;
    u.rate = (real)rate;
    u.keep = 1;
    switch ((Optimizer)p.optimizer) {
        case Optimizer::gradient_descent: break;
        case Optimizer::momentum:
        case Optimizer::nesterov: u.a = (real)s[0]; break;
        case Optimizer::rmsprop:
            u.a = (real)s[0];
            u.b = (real)(1 - s[0]);
            u.d = (real)s[1];
            break;
        case Optimizer::adagrad: u.d = (real)s[0]; break;
        case Optimizer::adamw: u.keep = (real)(1 - rate * s[3]); [[fallthrough]];
        case Optimizer::adam: {
            const double correction = __builtin_sqrt(1 - __builtin_pow(s[1], (double)t));
            u.a = (real)s[0];
            u.b = (real)(1 - s[0]);
            u.c = (real)s[1];
            u.e = (real)(1 - s[1]);
            u.rate = (real)(rate * correction / (1 - __builtin_pow(s[0], (double)t)));
            u.d = (real)(s[2] * correction);
            break;
        }
    }
    u.l1 = (real)p.l1;
    u.l2 = (real)p.l2;
    u.penalised = p.l1 != 0 || p.l2 != 0;
    return u;
}

template <Optimizer o>
INLINE V stepped(V theta, V g, V& s0, V& s1, const Numbers& u, real keep) {
    if constexpr (o == Optimizer::gradient_descent) {
        return theta - g * u.rate;
    } else if constexpr (o == Optimizer::momentum) {
        s0 = s0 * u.a + g;
        return theta - s0 * u.rate;
    } else if constexpr (o == Optimizer::nesterov) {
        s0 = s0 * u.a + g;
        return theta - (s0 * u.a + g) * u.rate;
    } else if constexpr (o == Optimizer::rmsprop) {
        s0 = g * g * u.b + s0 * u.a;
        return theta - g * u.rate / (root(s0) + u.d);
    } else if constexpr (o == Optimizer::adagrad) {
        s0 = g * g + s0;
        return theta - g * u.rate / (root(s0) + u.d);
    } else {
        s0 = s0 * u.a + g * u.b;
        s1 = g * g * u.e + s1 * u.c;
        if constexpr (o == Optimizer::adamw) theta = theta * keep;
        return theta - s0 * u.rate / (root(s1) + u.d);
    }
}

INLINE V penalty_slope(V theta, const Numbers& u) {
    const V one = broadcast(u.l1);
    return (theta > 0 ? one : (theta < 0 ? -one : V{})) + theta * u.l2;
}

// n parameters in one piece, stepped by g. Where asked, the penalty's gradient is added to g first.
// Returns the register sums of g^2.
struct Block {
    real *theta, *s0, *s1;
    const real* g;
    idx n;
    bool weights, penalise;
};
using Update = V (*)(const Block&, const Numbers&);

constexpr int slots_of(Optimizer o) { return OPTIMIZERS[(int)o].slots; }

// The register of parameters at `j` of a block, stepped by g.
template <Optimizer o, class Read, class Write>
INLINE void step_register(const Block& block, idx j, V g, V& squares, const Numbers& u, Read read, Write write) {
    V theta = read(block.theta + j), s0 = {}, s1 = {};
    if (block.penalise) g += penalty_slope(theta, u);
    squares += g * g;
    if constexpr (slots_of(o) > 0) s0 = read(block.s0 + j);
    if constexpr (slots_of(o) > 1) s1 = read(block.s1 + j);
    write(block.theta + j, stepped<o>(theta, g, s0, s1, u, block.weights ? u.keep : 1));
    if constexpr (slots_of(o) > 0) write(block.s0 + j, s0);
    if constexpr (slots_of(o) > 1) write(block.s1 + j, s1);
}

template <Optimizer o>
static V update(const Block& given, const Numbers& u) {
    const Block block = given;  // so that no store can change it
    const real* g = block.g;
    V squares[4] = {};
    idx j = 0;
    for (; j + 4 * LANES <= block.n; j += 4 * LANES)
        UNROLL for (int v = 0; v < 4; v++)
            step_register<o>(block, j + v * LANES, load(g + j + v * LANES), squares[v], u, load, store);
    for (int v = 0; j + LANES <= block.n; j += LANES, v++)
        step_register<o>(block, j, load(g + j), squares[v], u, load, store);
    const idx left = block.n - j;
    if (left > 0)
        step_register<o>(block, j, load_first(g + j, left), squares[3], u,
                         [left](const real* p) { return load_first(p, left); },
                         [left](real* p, V v) { store_first(p, v, left); });
    return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

// l1 sum |W| + l2 / 2 sum W^2 over n weights.
static double penalty_of(const real* W, idx n, double l1, double l2) {
    double value = 0;
    for (idx at = 0; at < n; at += 4096) {
        const idx end = n - at < 4096 ? n - at : 4096;
        V lengths = {}, squares = {};
        for (idx j = 0; j < end; j += LANES) {
            const V w = read_part(W + at + j, end - j);
            lengths += abs(w);
            squares += w * w;
        }
        if (l1 != 0) value += l1 * (double)total(lengths);
        if (l2 != 0) value += l2 * (double)total(squares) / 2;
    }
    return value;
}
