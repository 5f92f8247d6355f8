// planning.hpp: the only place that decides which way a run and its layers go through the core:
// plan.hpp says what the ways are. Pure functions of shapes, settings and the number of threads.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "../tables.hpp"
#include "partition.hpp"
#include "vec.hpp"

namespace chainrule {
namespace {

// Rows of a batch that is small: its time is that of reading W^T and writing it back.
constexpr idx FEW_ROWS = 8;
// Weights of a layer whose panels are worth two more barriers.
constexpr idx WORTH_TWO_BARRIERS = 32 << 10;
// What single_sample.hpp keeps in registers and on the stack.
constexpr idx MOST_INPUTS_OF_SINGLE = 64, MOST_DEPTH_OF_SINGLE = 8;
static_assert(SUMS_MOST_NV <= MOST_NV);  // so that what `across_with_bias` takes is no wide layer

INLINE bool mixes(const Layer& layer) { return (Activation)layer.f == Activation::softmax; }

// Where the layers of a run's own theta start: at whole lines of the cache. Returns how many reals
// it takes; with no `to` nothing is written.
idx place_layers(const Problem& p, Layer* to) {
    idx at = 0;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const idx b = at + round_up(size_of_W(layer), LINE);
        if (to) {
            to[l] = layer;
            to[l].w = at;
            to[l].b = b;
        }
        at = b + round_up(column_numbers(layer), LINE);
    }
    return at;
}

// Whether all layers are affine: single_sample, small_batch and fused take no others.
bool is_affine_alone(const Problem& p) {
    for (idx l = 0; l < p.depth; l++)
        if (p.layers[l].op != Op::affine) return false;
    return true;
}

// Whether batches of one go through the network in registers.
bool is_single_sample(const Problem& p, const Run& run) {
    if (!run.train || run.careful || run.batch != 1 || p.depth > MOST_DEPTH_OF_SINGLE) return false;
    if (p.clip_value > 0 || p.clip_norm > 0 || p.l1 != 0 || p.l2 != 0 || p.input_rate > 0)
        return false;
    if (!is_affine_alone(p)) return false;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        if (layer.n_out > LANES || layer.n_in > (l ? LANES : MOST_INPUTS_OF_SINGLE) ||
            layer.rate > 0)
            return false;
        if (mixes(layer) && l < p.depth - 1) return false;
    }
    return true;
}

// Whether da^{l-1} comes from W^T as it lies. By the partition of a whole batch, so that a short
// last one is no exception.
INLINE bool is_wide(const Problem& p, const Partition& partition, idx l) {
    return l > 0 && panels(p.layers[l]) > 1 && !partition.by_parts;
}

// Whether backward and update are one pass where nothing waits for the whole gradient. By run.batch
// likewise.
INLINE bool in_one_pass(const Problem& p, const Run& run, const Partition& partition, idx l) {
    return run.batch <= FEW_ROWS && is_wide(p, partition, l) && !mixes(p.layers[l - 1]);
}

Schedule schedule_of(const Problem& p, const Run& run, const Partition& partition,
                     bool whole_gradient) {
    if (run.gradient) return Schedule::from_gradient;
    if (is_single_sample(p, run)) return Schedule::single_sample;
    if (partition.by_parts) return Schedule::parts;
    if (whole_gradient) return Schedule::slices;
    for (idx l = 1; l < p.depth; l++)
        if (in_one_pass(p, run, partition, l)) return Schedule::small_batch;
    return Schedule::fused;
}

// Whether the team shares a layer's forward product by panels of columns: each thread then reads
// the part of W^T that it changed itself, which is worth two more barriers where that part is
// large.
INLINE bool by_panels(const Problem& p, const RunPlan& plan, idx l) {
    const Layer& layer = p.layers[l];
    const bool mixed = mixes(layer) && l < p.depth - 1;
    return plan.threads > 1 && !plan.partition.by_parts && panels(layer) > 1 && !mixed &&
           layer.n_in * layer.n_out >= WORTH_TWO_BARRIERS;
}

Backward backward_of(const Problem& p, const RunPlan& plan, idx l) {
    if (!plan.backward || l == 0) return Backward::none;
    const bool wide = is_wide(p, plan.partition, l);
    // By units below each thread reads a part of W^T alone, a batch of few rows keeps all of them
    // busy, and each goes on with what it has worked out itself.
    const bool by_units = plan.threads > 1 && !plan.partition.by_parts && !mixes(p.layers[l - 1]) &&
                          (wide || by_panels(p, plan, l - 1));
    if (wide) return by_units ? Backward::wide_by_units : Backward::wide;
    return by_units ? Backward::product_by_units : Backward::product;
}

// The way of a last layer of few units needs the rows of W: W^T of one unit is W, that of more is
// there while there is a product on the way back.
Forward forward_of(const Problem& p, const RunPlan& plan, idx l) {
    const Layer& layer = p.layers[l];
    if (l == p.depth - 1 && layer.n_in >= LANES) {
        if (layer.n_out == 1) return Forward::few_units;
        const bool W = plan.backward && l > 0 && !is_wide(p, plan.partition, l);
        if (W && layer.n_out <= 4 && LANES >= 4) return Forward::few_units;
    }
    return by_panels(p, plan, l) ? Forward::panels : Forward::rows;
}

Gradient gradient_of(const Problem& p, const RunPlan& plan, idx l) {
    const Layer& layer = p.layers[l];
    if (!plan.backward) return Gradient::none;
    if (layer.n_out > PANEL) return Gradient::panels;
    if (l > 0 && layer.n_out < LANES && layer.n_in >= LANES) return Gradient::along;
    const bool sums = plan.partition.by_parts && layer.n_out <= SUMS_MOST_NV * LANES;
    return sums ? Gradient::across_with_bias : Gradient::across;
}

Update update_of(const Problem& p, const Run& run, const RunPlan& plan, idx l) {
    if (!run.train) return Update::none;
    if (plan.whole_gradient) return Update::whole;
    if (plan.partition.by_parts) return Update::parts;
    return in_one_pass(p, run, plan.partition, l) ? Update::one_pass : Update::tile;
}

LayerPlan plan_layer(const Problem& p, const Run& run, const RunPlan& plan, idx l) {
    if (plan.schedule == Schedule::single_sample)
        return {.forward = Forward::registers,
                .backward = l > 0 ? Backward::registers : Backward::none,
                .gradient = Gradient::registers,
                .update = Update::registers};
    if (p.layers[l].op != Op::affine)
        return {.forward = Forward::columns,
                .backward = plan.backward && l > 0 ? Backward::columns : Backward::none,
                .gradient = plan.backward ? Gradient::columns : Gradient::none,
                .update = update_of(p, run, plan, l)};
    return {.forward = forward_of(p, plan, l),
            .backward = backward_of(p, plan, l),
            .gradient = gradient_of(p, plan, l),
            .update = update_of(p, run, plan, l)};
}

// Everything that is decided about a run, for this many threads; `layers` has
// room for a plan of each layer.
RunPlan plan_of(const Problem& p, const Run& run, int threads, LayerPlan* layers) {
    RunPlan plan = {};
    // By run.batch and not by k, so that a run split in two takes the same path.
    plan.partition =
        partition_of(p, run.gradient ? p.parameters : place_layers(p, nullptr), run.batch);
    plan.backward = (run.train || run.dtheta) && !run.gradient;
    const bool in_one_slice = plan.partition.slices == 1 && is_affine_alone(p);
    plan.whole_gradient = !run.train || run.careful || p.clip_norm != 0 || p.clip_value != 0 ||
                          !(in_one_slice || plan.partition.by_parts);
    plan.schedule = schedule_of(p, run, plan.partition, plan.whole_gradient);
    plan.threads = threads;
    plan.layers = layers;
    for (idx l = 0; l < p.depth && layers; l++) layers[l] = plan_layer(p, run, plan, l);
    return plan;
}

}  // namespace
}  // namespace chainrule
