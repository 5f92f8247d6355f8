// single_sample.hpp: one sample at a time through a network whose layers fit a register each. There
// the time is that of the chain of dependent instructions, so theta stays in rows of whole
// registers (a store of part of one is slow to read back) and nothing is called that can be
// inlined.
#pragma once

#include "../core.hpp"
#include "../tables.hpp"
#include "activations.hpp"
#include "arena.hpp"
#include "batch.hpp"
#include "costs.hpp"
#include "optimizers.hpp"
#include "output_cost.hpp"
#include "planning.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// A layer's numbers in rows of whole registers: the rows of W^T, then b, then (above the first
// layer) the rows of W, which are stepped alike; and the optimizer's state in the same places.
struct SingleSampleLayer {
    real *rows, *s0, *s1;
};

INLINE idx single_rows(const Layer& layer, idx l) { return layer.n_in + 1 + (l ? layer.n_out : 0); }

SingleSampleLayer* allocate_single_sample(const Problem& p, Arena& arena) {
    auto* layers = arena.take<SingleSampleLayer>(p.depth);
    for (idx l = 0; l < p.depth; l++) {
        const idx n = single_rows(p.layers[l], l) * LANES;
        real* rows = arena.take<real>(n);
        real* s0 = arena.take<real>(n);
        real* s1 = arena.take<real>(n);
        if (arena.base) layers[l] = {.rows = rows, .s0 = s0, .s1 = s1};
    }
    return layers;
}

// theta, or a slot of the state, into rows; and back.
void spread_rows(const Layer& layer, idx l, const real* flat, real* rows) {
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
void gather_rows(const Layer& layer, const real* rows, real* flat) {
    for (idx i = 0; i < layer.n_in; i++)
        store_first(flat + layer.w + i * layer.n_out, load(rows + i * LANES), layer.n_out);
    store_first(flat + layer.b, load(rows + layer.n_in * LANES), layer.n_out);
}

INLINE V activation_of(int f, V z, real setting, V& df) {
    switch ((Activation)f) {
#define CHAINRULE_CASE(name, settings)                           \
    case Activation::name:                                       \
        if constexpr (is_elementwise(Activation::name))          \
            return activation<Activation::name>(z, setting, df); \
        break;
        CHAINRULE_ACTIVATIONS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return z;
}

// J of the entries and a, of a canonical pair whose cost goes by entries.
INLINE V canonical_cost(int cost, V z, V y, V& a) {
    switch ((Cost)cost) {
#define CHAINRULE_CASE(output, name)                                                               \
    case Cost::name:                                                                               \
        if constexpr (is_elementwise(Activation::output)) return cost_from_z<Cost::name>(z, y, a); \
        break;
        CHAINRULE_CANONICAL_PAIRS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
        default: break;
    }
    a = z;
    return z;
}

// What the passes of one sample keep.
struct SingleSample {
    alignas(64) real a[MOST_DEPTH_OF_SINGLE][LANES];
    V slopes[MOST_DEPTH_OF_SINGLE];
    I live[MOST_DEPTH_OF_SINGLE];  // the lanes that are units: the others must stay 0
};

// z of the output layer, from x. In the backward pass: da_prev = dz W, dW = dz a_prev^T.
INLINE V single_forward(const RunState& r, const real* x, SingleSample& sample) {
    const idx L = r.p.depth;
    const real* a_prev = x;
    V z = {};
    for (idx l = 0; l < L; l++) {
        const Layer& layer = r.p.layers[l];
        const real* W = r.single[l].rows;
        z = load(W + layer.n_in * LANES);
        for (idx k = 0; k < layer.n_in; k++) z += broadcast(a_prev[k]) * load(W + k * LANES);
        if (l == L - 1) break;
        const V f = activation_of(layer.f, z, (real)layer.setting, sample.slopes[l]);
        store(sample.a[l], sample.live[l] ? f : V{});
        a_prev = sample.a[l];
    }
    return z;
}

// share * J and dz of the output layer.
INLINE double single_cost(const RunState& r, const Layer& top, V z, const real* y_row, real share,
                          V& dz) {
    const Problem& p = r.p;
    const V weights = load_first(&r.workspaces[0].share[0], top.n_out) * share;
    if (p.canonical && (Cost)p.cost != Cost::cross_entropy) {
        const V y = load_first(y_row, top.n_out);
        V a;
        const V J = canonical_cost(p.cost, z, y, a);
        dz = (a - y) * weights;
        return (double)total(shared(J, weights));
    }
    const LayerBuffers& buffers = r.workspaces[0].layers[p.depth - 1];
    store(buffers.a, buffers.slope == Slope::of_relu ? relu(z) : z);
    const double J = cost_of_rows(r, r.workspaces[0], 0, 1);
    dz = load_first(buffers.dz, top.n_out);
    return J;
}

template <Optimizer o>
INLINE void single_step(const SingleSampleLayer& t, idx row, V g, const StepConstants& constants,
                        bool weights) {
    const Block block = {.theta = t.rows,
                         .s0 = t.s0,
                         .s1 = t.s1,
                         .g = nullptr,
                         .n = 0,
                         .weights = weights,
                         .penalise = false};
    V squares = {};  // of what is stepped twice; the caller sums them from dz
    step_register<o>(block, row * LANES, g, squares, constants, load, store);
}

// Backward and update, layer by layer from the top: da_prev = dz W before the step of W. The
// squares of each layer's gradient go to `squares_of`; returns whether all are finite.
template <Optimizer o>
INLINE bool single_backward(const RunState& r, const real* x, V dz, const SingleSample& sample,
                            const StepConstants& constants, double* squares_of) {
    alignas(64) real dzs[LANES];
    bool good = true;
    for (idx l = r.p.depth - 1; l >= 0; l--) {
        const Layer& layer = r.p.layers[l];
        const SingleSampleLayer& t = r.single[l];
        const real* a_prev = l ? sample.a[l - 1] : x;
        V da = {}, squares = dz * dz;
        if (l) {
            store(dzs, dz);
            const V a = load(a_prev);
            const idx first = layer.n_in + 1;
            for (idx j = 0; j < layer.n_out; j++) {
                const V d = broadcast(dzs[j]);
                da += d * load(t.rows + (first + j) * LANES);
                single_step<o>(t, first + j, a * d, constants, true);
            }
        }
        for (idx k = 0; k < layer.n_in; k++) {
            const V g = broadcast(a_prev[k]) * dz;
            squares += g * g;
            single_step<o>(t, k, g, constants, true);
        }
        single_step<o>(t, layer.n_in, dz, constants, false);
        const double sum = (double)total(squares);
        squares_of[l] = sum;
        good = good && finite(sum);
        if (l) dz = sample.live[l - 1] ? da * sample.slopes[l - 1] : V{};
    }
    return good;
}

// All steps of a run; false where a gradient is not finite, after part of theta has changed.
template <Optimizer o>
bool single_steps(RunState& r) {
    const Problem& p = r.p;
    const Run& run = r.run;
    const idx L = p.depth, n_0 = p.layers[0].n_in;
    const Layer& top = p.layers[L - 1];
    const double* weights = static_cast<const double*>(p.weights);
    const bool own_cost = p.canonical && (Cost)p.cost != Cost::cross_entropy;
    SingleSample sample;
    for (idx l = 0; l < L; l++) {
        V lanes;
        for (idx j = 0; j < LANES; j++) lanes[j] = (real)j;
        sample.live[l] = lanes < (real)p.layers[l].n_out;
    }
    for (idx j = 0; j < top.n_out; j++) r.workspaces[0].share[j] = 1;
    for (idx s = 0; s < r.batches; s++) {
        const idx row = row_of(r, s);
        const real share = weights ? (weights[row] > 0 ? (real)1 : (real)0) : (real)1;
        const Slice slice = {.first = 0,
                             .rows = 1,
                             .batch = s,
                             .step = run.first_step + s,
                             .sum = weights ? weights[row] : 1.0};
        if (!own_cost) load_rows(r, r.workspaces[0], slice, 0, 1);
        const StepConstants constants = constants_of(p, run.rates[s], run.first_step + s + 1);
        const real* x = static_cast<const real*>(p.X) + row * n_0;
        const real* y = static_cast<const real*>(p.Y) + row * top.n_out;
        const V z = single_forward(r, x, sample);
        V dz;
        const double J = single_cost(r, top, z, y, own_cost ? share : (real)1, dz);
        run.costs[s] = J;
        r.done = s + 1;
        if (!finite(J)) {
            for (idx l = 0; l < L; l++) run.squares[s * L + l] = (double)__builtin_nan("");
            break;
        }
        if (!single_backward<o>(r, x, dz, sample, constants, run.squares + s * L)) return false;
    }
    return true;
}

bool single_steps_of_optimizer(RunState& r) {
    switch ((Optimizer)r.p.optimizer) {
#define CHAINRULE_CASE(name, ...) \
    case Optimizer::name: return single_steps<Optimizer::name>(r);
        CHAINRULE_OPTIMIZERS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return true;
}

void run_single_samples(RunState& r) {
    const Problem& p = r.p;
    for (idx l = 0; l < p.depth; l++) {
        spread_rows(p.layers[l], l, r.theta, r.single[l].rows);
        if (p.slots > 0) spread_rows(p.layers[l], l, r.state, r.single[l].s0);
        if (p.slots > 1) spread_rows(p.layers[l], l, r.state + p.parameters, r.single[l].s1);
    }
    if (!single_steps_of_optimizer(r)) {
        r.why = End::unsure;
        return;
    }
    for (idx l = 0; l < p.depth; l++) {
        gather_rows(p.layers[l], r.single[l].rows, r.theta);
        if (p.slots > 0) gather_rows(p.layers[l], r.single[l].s0, r.state);
        if (p.slots > 1) gather_rows(p.layers[l], r.single[l].s1, r.state + p.parameters);
    }
}

}  // namespace
}  // namespace chainrule
