// costs.hpp: each cost's J and dJ/da entry by entry, and the canonical pairs from z.
#pragma once

#include "../tables.hpp"
#include "activations.hpp"
#include "transpose.hpp"
#include "vmath.hpp"

namespace chainrule {
namespace {

INLINE V sign(V x) {
    const V one = broadcast(1);
    const V s = x > 0 ? one : (x < 0 ? -one : V{});
    return x != x ? x : s;
}

// y log a, and 0 where y is 0, whatever a is.
INLINE V y_log(V y, V a) {
    const V product = y * log(a);
    return y > 0 ? product : V{};
}

// y / a, and 0 where y is 0, though a may have been rounded to 0.
INLINE V over(V y, V a) {
    const V quotient = y / a;
    return y > 0 ? quotient : V{};
}

// J(a, y) and da = dJ/da, each of one entry; y is smoothed already.
template <Cost c>
INLINE V cost(V a, V y, real setting, V& da) {
    const V d = a - y;
    if constexpr (c == Cost::logistic) {
        da = over(1 - y, 1 - a) - over(y, a);
        return -(y_log(y, a) + y_log(1 - y, 1 - a));
    } else if constexpr (c == Cost::cross_entropy) {
        da = -over(y, a);
        return -y_log(y, a);
    } else if constexpr (c == Cost::squared_error) {
        da = d;
        return d * d * (real)0.5;
    } else if constexpr (c == Cost::absolute_error) {
        da = sign(d);
        return abs(d);
    } else if constexpr (c == Cost::huber) {
        const V delta = broadcast(setting), near = min(abs(d), delta);
        da = max(min(d, delta), -delta);
        return near * (abs(d) - near * (real)0.5);
    } else if constexpr (c == Cost::quantile) {
        const V s = sign(d);
        da = s * (real)0.5 + ((real)0.5 - setting) * s * s;
        return max(d, V{}) - d * setting;
    } else {
        static_assert(c == Cost::poisson);
        da = 1 - over(y, a);
        return a - y_log(y, a);
    }
}

// The canonical pairs: J from z, dz = a - y. (Softmax with cross-entropy goes by rows, below.)
template <Cost c>
INLINE V cost_from_z(V z, V y, V& a) {
    if constexpr (c == Cost::logistic) {
        const V e = exp(-abs(z)), large = 1 / (1 + e);
        a = z > 0 ? large : e * large;
        return (z > 0 ? z : V{}) - y * z + log1p_unit(e);
    } else if constexpr (c == Cost::poisson) {
        a = exp(z);
        return a - y * z;
    } else {
        a = z;
        return (z - y) * (z - y) * (real)0.5;
    }
}

// Times the share; a share of 0 leaves its sample out, whatever x is.
INLINE V shared(V x, V share) { return share > 0 ? x * share : V{}; }

// n entries, in whole registers: out comes share * dJ/dz (canonical) or share * dJ/da in d, a in za
// (canonical; otherwise za is a already), and the sum of share * J is returned.
using CostOf = double (*)(real* za, const real* y, const real* share, real* d, idx n, real setting);

template <Cost c>
double cost_canonical(real* za, const real* y, const real* share, real* dz, idx n, real) {
    V J = {}, a;
    for (idx j = 0; j < n; j += LANES) {
        const V w = load(share + j);
        J += shared(cost_from_z<c>(load(za + j), load(y + j), a), w);
        store(za + j, a);
        store(dz + j, (a - load(y + j)) * w);
    }
    return total(J);
}

template <Cost c>
double cost_general(real* a, const real* y, const real* share, real* da, idx n, real setting) {
    V J = {}, slope;
    for (idx j = 0; j < n; j += LANES) {
        const V w = load(share + j);
        J += shared(cost<c>(load(a + j), load(y + j), setting, slope), w);
        store(da + j, shared(slope, w));
    }
    return total(J);
}

CostOf cost_function(int c, bool canonical) {
    if (canonical) {
        switch ((Cost)c) {
#define CHAINRULE_CASE(output, name)                                                         \
    case Cost::name:                                                                         \
        if constexpr (is_elementwise(Activation::output)) return cost_canonical<Cost::name>; \
        break;
            CHAINRULE_CANONICAL_PAIRS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
            default: break;
        }
        return nullptr;  // by rows, see below
    }
    switch ((Cost)c) {
#define CHAINRULE_CASE(name, settings) \
    case Cost::name: return cost_general<Cost::name>;
        CHAINRULE_COSTS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return nullptr;
}

// One row of n classes: J = log sum exp(z - max) - sum y (z - max); sum and the rest are returned
// apart, so that the logarithms of many rows can be taken together.
struct RowCost {
    real sum, rest;
};
RowCost cross_entropy_row(real* za, const real* y, real share, real* dz, idx n) {
    real most = za[0];
    V mosts = read_part(za, n);
    for (idx j = n % LANES == 0 ? LANES : n % LANES; j < n; j += LANES) {
        const V z = load(za + j);
        mosts = z > mosts ? z : mosts;
    }
    if (n >= LANES) most = largest(mosts);
    else
        for (idx j = 0; j < n; j++) most = za[j] > most ? za[j] : most;
    V sums = {}, rest = {};
    for (idx j = 0; j < n; j += LANES) {
        const V below = read_part(za + j, n - j) - most;
        const V e = exp(below);
        rest += read_part(y + j, n - j) * below;  // y is 0 past the end
        write_part(za + j, e, n - j);
        sums += n - j >= LANES ? e : load_first(za + j, n - j);
    }
    const real sum = total(sums), factor = 1 / sum;
    for (idx j = 0; j < n; j += LANES) {
        const V a = read_part(za + j, n - j) * factor;
        write_part(za + j, a, n - j);
        write_part(dz + j, (a - read_part(y + j, n - j)) * share, n - j);
    }
    return {sum, -total(rest)};
}

// The same of up to LANES rows at once, n <= LANES classes, a row to a lane: nothing is summed over
// lanes. Returns the sum of share * J.
double cross_entropy_block(real* za, const real* y_rows, const real* shares, real* dz_rows, idx n,
                           idx rows) {
    V z[LANES], y[LANES], share = {}, sum = {}, rest = {};
    UNROLL_FOR (idx k = 0; k < LANES; k++) {
        z[k] = k < rows ? load_first(za + k * n, n) : V{};
        y[k] = k < rows ? load_first(y_rows + k * n, n) : V{};
    }
    for (idx k = 0; k < rows; k++) share[k] = shares[k * n];
    weave_all<1>(z);
    weave_all<1>(y);
    V most = z[0];
    for (idx j = 1; j < n; j++) most = z[j] > most ? z[j] : most;
    for (idx j = 0; j < n; j++) {
        const V below = z[j] - most;
        z[j] = exp(below);
        rest += y[j] * below;
        sum += z[j];
    }
    const V factor = 1 / sum, J = shared(log(sum) - rest, share);
    for (idx j = 0; j < n; j++) {
        z[j] *= factor;
        y[j] = (z[j] - y[j]) * share;
    }
    weave_all<1>(z);
    weave_all<1>(y);
    UNROLL_FOR (idx k = 0; k < LANES; k++)
        if (k < rows) {
            store_first(za + k * n, z[k], n);
            store_first(dz_rows + k * n, y[k], n);
        }
    double all = 0;
    for (idx k = 0; k < rows; k++) all += (double)J[k];
    return all;
}

}  // namespace
}  // namespace chainrule
