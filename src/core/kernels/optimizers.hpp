// optimizers.hpp: each optimizer's step on a register of parameters, in the formulas' own order.
#pragma once

#include "../core.hpp"
#include "../tables.hpp"
#include "vec.hpp"

namespace chainrule {
namespace {

// The constants of one step, computed in double and rounded once.
struct StepConstants {
    real rate;                    // of Adam corrected for the bias of its moments
    real beta1, one_minus_beta1;  // the momentum, or the decay of the first slot
    real beta2, one_minus_beta2;  // the decay of the second
    real epsilon;
    real keep;  // what weight decay leaves of a weight
    real l1, l2;
    bool penalised;
};

StepConstants constants_of(const Problem& p, double rate, idx t) {
    StepConstants c = {};
    const double* s = p.settings;
    c.rate = (real)rate;
    c.keep = 1;
    switch ((Optimizer)p.optimizer) {
        case Optimizer::gradient_descent: break;
        case Optimizer::momentum:
        case Optimizer::nesterov: c.beta1 = (real)s[0]; break;
        case Optimizer::rmsprop:
            c.beta1 = (real)s[0];
            c.one_minus_beta1 = (real)(1 - s[0]);
            c.epsilon = (real)s[1];
            break;
        case Optimizer::adagrad: c.epsilon = (real)s[0]; break;
        case Optimizer::adamw: c.keep = (real)(1 - rate * s[3]); [[fallthrough]];
        case Optimizer::adam: {
            const double correction = __builtin_sqrt(1 - __builtin_pow(s[1], (double)t));
            c.beta1 = (real)s[0];
            c.one_minus_beta1 = (real)(1 - s[0]);
            c.beta2 = (real)s[1];
            c.one_minus_beta2 = (real)(1 - s[1]);
            c.rate = (real)(rate * correction / (1 - __builtin_pow(s[0], (double)t)));
            c.epsilon = (real)(s[2] * correction);
            break;
        }
    }
    c.l1 = (real)p.l1;
    c.l2 = (real)p.l2;
    c.penalised = p.l1 != 0 || p.l2 != 0;
    return c;
}

// theta after its step by g; s0 and s1 are the optimizer's slots.
template <Optimizer o>
INLINE V stepped(V theta, V g, V& s0, V& s1, const StepConstants& c, real keep) {
    if constexpr (o == Optimizer::gradient_descent) {
        return theta - g * c.rate;
    } else if constexpr (o == Optimizer::momentum) {
        s0 = s0 * c.beta1 + g;
        return theta - s0 * c.rate;
    } else if constexpr (o == Optimizer::nesterov) {
        s0 = s0 * c.beta1 + g;
        return theta - (s0 * c.beta1 + g) * c.rate;
    } else if constexpr (o == Optimizer::rmsprop) {
        s0 = g * g * c.one_minus_beta1 + s0 * c.beta1;
        return theta - g * c.rate / (root(s0) + c.epsilon);
    } else if constexpr (o == Optimizer::adagrad) {
        s0 = g * g + s0;
        return theta - g * c.rate / (root(s0) + c.epsilon);
    } else {
        s0 = s0 * c.beta1 + g * c.one_minus_beta1;
        s1 = g * g * c.one_minus_beta2 + s1 * c.beta2;
        if constexpr (o == Optimizer::adamw) theta = theta * keep;
        return theta - s0 * c.rate / (root(s1) + c.epsilon);
    }
}

INLINE V penalty_slope(V theta, const StepConstants& c) {
    const V one = broadcast(c.l1);
    return (theta > 0 ? one : (theta < 0 ? -one : V{})) + theta * c.l2;
}

// n parameters in one piece, stepped by g. Where asked, the penalty's gradient is added to g first.
// Returns the register sums of g^2.
struct Block {
    real *theta, *s0, *s1;
    const real* g;
    idx n;
    bool weights, penalise;
};
using UpdateBlock = V (*)(const Block&, const StepConstants&);

constexpr int slots_of(Optimizer o) { return OPTIMIZERS[(int)o].slots; }

// The register of parameters at `j` of a block, stepped by g.
template <Optimizer o, class Read, class Write>
INLINE void step_register(const Block& block, idx j, V g, V& squares, const StepConstants& c,
                          Read read, Write write) {
    V theta = read(block.theta + j), s0 = {}, s1 = {};
    if (block.penalise) g += penalty_slope(theta, c);
    squares += g * g;
    if constexpr (slots_of(o) > 0) s0 = read(block.s0 + j);
    if constexpr (slots_of(o) > 1) s1 = read(block.s1 + j);
    write(block.theta + j, stepped<o>(theta, g, s0, s1, c, block.weights ? c.keep : 1));
    if constexpr (slots_of(o) > 0) write(block.s0 + j, s0);
    if constexpr (slots_of(o) > 1) write(block.s1 + j, s1);
}

template <Optimizer o>
V update_block(const Block& caller, const StepConstants& c) {
    const Block block = caller;  // so that no store can change it
    const real* g = block.g;
    V squares[4] = {};
    idx j = 0;
    for (; j + 4 * LANES <= block.n; j += 4 * LANES)
        UNROLL_FOR (int v = 0; v < 4; v++)
            step_register<o>(block, j + v * LANES, load(g + j + v * LANES), squares[v], c, load,
                             store);
    for (int v = 0; j + LANES <= block.n; j += LANES, v++)
        step_register<o>(block, j, load(g + j), squares[v], c, load, store);
    const idx left = block.n - j;
    if (left > 0)
        step_register<o>(
            block, j, load_first(g + j, left), squares[3], c,
            [left](const real* p) { return load_first(p, left); },
            [left](real* p, V v) { store_first(p, v, left); });
    return (squares[0] + squares[1]) + (squares[2] + squares[3]);
}

// l1 sum |W| + l2 / 2 sum W^2 over n weights.
double penalty_of(const real* W, idx n, double l1, double l2) {
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

}  // namespace
}  // namespace chainrule
