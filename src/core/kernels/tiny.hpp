// tiny.hpp: one sample at a time through a network whose layers fit a register each. There the time
// is that of the chain of dependent instructions, so theta stays in rows of whole registers (a store
// of part of one is slow to read back) and nothing is called that can be inlined.
#pragma once

#include "onepass.hpp"

constexpr idx TINY_INPUTS = 64, TINY_DEPTH = 8;

// A layer in registers: the rows of W^T, then b, then (above the first layer) the rows of W, which
// are stepped alike; and the optimizer's state in the same places.
struct TinyLayer {
    real *rows, *s0, *s1;
    idx count;
};

static bool is_tiny(const Problem& p, const Run& run) {
    if (!run.train || run.careful || run.batch != 1 || p.depth > TINY_DEPTH) return false;
    if (p.clip_value > 0 || p.clip_norm > 0 || p.l1 != 0 || p.l2 != 0 || p.input_rate > 0)
        return false;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        if (layer.n_out > LANES || layer.n_in > (l ? LANES : TINY_INPUTS) || layer.rate > 0)
            return false;
        if ((Activation)layer.f == Activation::softmax && l < p.depth - 1) return false;
    }
    return true;
}

INLINE idx tiny_rows(const Layer& layer, idx l) { return layer.n_in + 1 + (l ? layer.n_out : 0); }

static void lay_out_tiny(TinyLayer* tiny, const Problem& p, Arena& arena) {
    for (idx l = 0; l < p.depth; l++) {
        const idx count = tiny_rows(p.layers[l], l), n = count * LANES;
        real* rows = arena.take<real>(n);
        real* s0 = arena.take<real>(n);
        real* s1 = arena.take<real>(n);
        if (arena.base) tiny[l] = {rows, s0, s1, count};
    }
}

// theta, or a slot of the state, into rows; and back.
static void spread_rows(const Layer& layer, idx l, const real* flat, real* rows) {
    for (idx i = 0; i < layer.n_in; i++)
        store(rows + i * LANES, load_first(flat + layer.w + i * layer.n_out, layer.n_out));
    real* b = rows + layer.n_in * LANES;
    store(b, load_first(flat + layer.b, layer.n_out));
    if (l == 0) return;
    for (idx j = 0; j < layer.n_out; j++) {
        store(b + (1 + j) * LANES, V{});
        for (idx i = 0; i < layer.n_in; i++)
            b[(1 + j) * LANES + i] = flat[layer.w + i * layer.n_out + j];
    }
}
static void gather_rows(const Layer& layer, const real* rows, real* flat) {
    for (idx i = 0; i < layer.n_in; i++)
        store_first(flat + layer.w + i * layer.n_out, load(rows + i * LANES), layer.n_out);
    store_first(flat + layer.b, load(rows + layer.n_in * LANES), layer.n_out);
}

INLINE V activation_of(int f, V z, real setting, V& df) {
    switch ((Activation)f) {
#define CHAINRULE_CASE(name, settings) \
    case Activation::name:                      \
        if constexpr (Activation::name != Activation::softmax) return activation<Activation::name>(z, setting, df); else break;
        CHAINRULE_ACTIVATIONS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return z;
}

// share * J and dz of the output layer.
INLINE double tiny_cost(const Run_state& r, const Layer& top, V z, const real* y_row, real share,
                        V& dz) {
    const Problem& p = r.p;
    const V weights = load_first(&r.desks[0].share[0], top.n_out) * share;
    if (p.canonical && (Cost)p.cost != Cost::cross_entropy) {
        const V y = load_first(y_row, top.n_out);
        V a, J;
        if ((Cost)p.cost == Cost::logistic) J = cost_from_z<Cost::logistic>(z, y, a);
        else if ((Cost)p.cost == Cost::poisson) J = cost_from_z<Cost::poisson>(z, y, a);
        else J = cost_from_z<Cost::squared_error>(z, y, a);
        dz = (a - y) * weights;
        return (double)total(shared(J, weights));
    }
    const Sheet& s = r.desks[0].sheets[p.depth - 1];
    store(s.a, s.slope == Slope::of_relu ? relu(z) : z);
    const double J = cost_of_rows(r, r.desks[0], 0, 1);
    dz = load_first(s.dz, top.n_out);
    return J;
}

template <Optimizer o>
INLINE void tiny_step(const TinyLayer& t, idx row, V g, const Numbers& u, bool weights) {
    const Block block = {t.rows, t.s0, t.s1, nullptr, 0, weights, false};
    V squares = {};  // of what is stepped once; they are had from dz
    step_register<o>(block, row * LANES, g, squares, u, load, store);
}

template <Optimizer o>
static void tiny_run(Run_state& r) {
    const Problem& p = r.p;
    const Run& run = r.run;
    const idx L = p.depth, n_0 = p.layers[0].n_in;
    const real* X = static_cast<const real*>(p.X);
    const real* Y = static_cast<const real*>(p.Y);
    const double* weights = static_cast<const double*>(p.weights);
    const Layer& top = p.layers[L - 1];
    const bool own_cost = p.canonical && (Cost)p.cost != Cost::cross_entropy;
    alignas(64) real a[TINY_DEPTH][LANES], dzs[LANES];
    V slopes[TINY_DEPTH];
    I live[TINY_DEPTH];  // the lanes that are units: the others must stay 0
    for (idx l = 0; l < L; l++) {
        V lanes;
        for (idx j = 0; j < LANES; j++) lanes[j] = (real)j;
        live[l] = lanes < (real)p.layers[l].n_out;
    }
    for (idx j = 0; j < top.n_out; j++) r.desks[0].share[j] = 1;
    for (idx s = 0; s < r.batches; s++) {
        const idx row = row_of(r, s);
        const real share = weights ? (weights[row] > 0 ? (real)1 : (real)0) : (real)1;
        const Slice slice = {0, 1, s, run.first_step + s, weights ? weights[row] : 1.0};
        if (!own_cost) load_rows(r, r.desks[0], slice, 0, 1);
        const Numbers u = numbers_of(p, run.rates[s], run.first_step + s + 1);
        const real* x = X + row * n_0;
        const real* a_prev = x;
        V z = {};
        for (idx l = 0; l < L; l++) {
            const Layer& layer = p.layers[l];
            const real* W = r.tiny[l].rows;
            z = load(W + layer.n_in * LANES);
            for (idx k = 0; k < layer.n_in; k++) z += broadcast(a_prev[k]) * load(W + k * LANES);
            if (l == L - 1) break;
            const V f = activation_of(layer.f, z, (real)layer.setting, slopes[l]);
            store(a[l], live[l] ? f : V{});
            a_prev = a[l];
        }
        V dz;
        const double J = tiny_cost(r, top, z, Y + row * top.n_out, own_cost ? share : (real)1, dz);
        run.costs[s] = J;
        r.done = s + 1;
        if (!finite(J)) {
            for (idx l = 0; l < L; l++) run.squares[s * L + l] = (double)__builtin_nan("");
            break;
        }
        bool good = true;
        for (idx l = L - 1; l >= 0; l--) {
            const Layer& layer = p.layers[l];
            const TinyLayer& t = r.tiny[l];
            const real* below = l ? a[l - 1] : x;
            V da = {}, squares = dz * dz;
            if (l) {
                store(dzs, dz);
                const V a_below = load(below);
                const idx first = layer.n_in + 1;
                for (idx j = 0; j < layer.n_out; j++) {
                    const V d = broadcast(dzs[j]);
                    da += d * load(t.rows + (first + j) * LANES);
                    tiny_step<o>(t, first + j, a_below * d, u, true);
                }
            }
            for (idx k = 0; k < layer.n_in; k++) {
                const V g = broadcast(below[k]) * dz;
                squares += g * g;
                tiny_step<o>(t, k, g, u, true);
            }
            tiny_step<o>(t, layer.n_in, dz, u, false);
            const double sum = (double)total(squares);
            run.squares[s * L + l] = sum;
            good = good && finite(sum);
            if (l) dz = live[l - 1] ? da * slopes[l - 1] : V{};
        }
        if (!good) {
            r.why = End::unsure;
            return;
        }
    }
    for (idx l = 0; l < L; l++) {
        gather_rows(p.layers[l], r.tiny[l].rows, r.theta);
        if (p.slots > 0) gather_rows(p.layers[l], r.tiny[l].s0, r.state);
        if (p.slots > 1) gather_rows(p.layers[l], r.tiny[l].s1, r.state + p.parameters);
    }
}

static void tiny(Run_state& r) {
    const Problem& p = r.p;
    for (idx l = 0; l < p.depth; l++) {
        spread_rows(p.layers[l], l, r.theta, r.tiny[l].rows);
        if (p.slots > 0) spread_rows(p.layers[l], l, r.state, r.tiny[l].s0);
        if (p.slots > 1) spread_rows(p.layers[l], l, r.state + p.parameters, r.tiny[l].s1);
    }
    switch ((Optimizer)p.optimizer) {
#define CHAINRULE_CASE(name, ...) case Optimizer::name: return tiny_run<Optimizer::name>(r);
        CHAINRULE_OPTIMIZERS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
}
