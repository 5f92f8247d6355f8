// allocate.hpp: a run's memory, laid out as its plan needs it.
#pragma once

#include <cstddef>

#include "../core.hpp"
#include "../plan.hpp"
#include "arena.hpp"
#include "planning.hpp"
#include "run_state.hpp"
#include "single_sample.hpp"

namespace chainrule {
namespace {

// W of the layers that propagate back by products.
real** allocate_W(const Problem& p, const RunPlan& plan, Arena& arena) {
    auto** W = arena.take<real*>(p.depth);
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        real* w = is_product(plan.layers[l].backward)
                      ? arena.take<real>(layer.n_out * padded(layer.n_in))
                      : nullptr;
        if (W) W[l] = w;
    }
    return W;
}

LayerBuffers allocate_buffers(const Problem& p, const Run& run, const RunPlan& plan, idx l,
                              idx rows, Arena& arena) {
    const Layer& layer = p.layers[l];
    const bool last = l == p.depth - 1, masked = layer.rate > 0 && run.masked;
    LayerBuffers buffers = {};
    buffers.slope = slope_of(layer.f, masked);
    buffers.f = activate_of(layer.f);
    buffers.ld = last ? layer.n_out : row_length(layer.n_out);
    const idx n = round_up(rows * buffers.ld, LANES);
    buffers.a = arena.take<real>(n);
    buffers.dz = arena.take<real>(n);
    const bool mixed_mask = buffers.slope == Slope::mixed && masked;
    if (buffers.slope == Slope::stored || mixed_mask) buffers.df = arena.take<real>(n);
    if (mixed_mask) buffers.undropped = arena.take<real>(n);
    if (is_wide(plan.layers[l].backward))
        buffers.dz_T = arena.take<real>(round_up(rows, LANES) * layer.n_out + LANES);
    buffers.rows = arena.take<const real*>(rows);
    buffers.dz_rows = arena.take<const real*>(rows);
    for (idx i = 0; i < rows && arena.base; i++) {
        buffers.rows[i] = buffers.a + i * buffers.ld;
        buffers.dz_rows[i] = buffers.dz + i * buffers.ld;
    }
    return buffers;
}

void allocate_workspace(Workspace* workspace, const Problem& p, const Run& run, const RunPlan& plan,
                        Arena& arena) {
    const idx rows = plan.partition.block * plan.partition.slice;
    const idx n_0 = p.layers[0].n_in, n_L = p.layers[p.depth - 1].n_out;
    auto** W = allocate_W(p, plan, arena);
    auto* layers = arena.take<LayerBuffers>(p.depth);
    auto** inputs = arena.take<const real*>(rows);
    // A wide first layer takes long enough for its next rows to arrive meanwhile.
    const bool prefetch = run.train && panels(p.layers[0]) > 1;
    auto** next_inputs = prefetch ? arena.take<const real*>(rows) : nullptr;
    real* dropped = p.input_rate > 0 && run.masked ? arena.take<real>(rows * n_0) : nullptr;
    real* y = arena.take<real>(round_up(rows * n_L, LANES));
    real* share = arena.take<real>(round_up(rows * n_L, LANES));
    real* sums = arena.take<real>(round_up(rows, LANES));
    if (arena.base)
        *workspace = {.layers = layers,
                      .W = W,
                      .inputs = inputs,
                      .next_inputs = next_inputs,
                      .dropped_inputs = dropped,
                      .y = y,
                      .share = share,
                      .sums = sums};
    for (idx l = 0; l < p.depth; l++) {
        const LayerBuffers buffers = allocate_buffers(p, run, plan, l, rows, arena);
        if (arena.base) layers[l] = buffers;
    }
}

// What da is summed from in one pass, and the first of each layer's units. Returns all units.
idx allocate_units(RunState& r, const Problem& p, const Run& run, const RunPlan& plan,
                   Arena& arena) {
    r.da_parts = arena.take<real*>(p.depth);
    r.first_unit = arena.take<idx>(p.depth + 1);
    idx all = 0;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        real* da = nullptr;
        if (plan.layers[l].update == Update::one_pass)
            da = arena.take<real>(groups(layer) * run.batch * padded(layer.n_in));
        if (arena.base) {
            r.da_parts[l] = da;
            r.first_unit[l] = all;
        }
        all += panels(layer) * units(layer) + 1;
    }
    if (arena.base) r.first_unit[p.depth] = all;
    return all;
}

// The run's own theta, state and gradients; a step from the caller's gradient takes each number
// once, where it lies.
void allocate_parameters(RunState& r, const Problem& p, const Run& run, const RunPlan& plan,
                         Arena& arena) {
    if (run.gradient) {
        r.theta = static_cast<real*>(run.theta);
        r.state = static_cast<real*>(run.state);
        r.gradients = static_cast<real*>(run.gradient);
        return;
    }
    r.theta = arena.take<real>(p.parameters);
    r.state = run.train ? arena.take<real>(p.slots * p.parameters) : nullptr;
    const bool buffered = plan.backward && (plan.whole_gradient || plan.partition.by_parts);
    r.gradients = buffered ? arena.take<real>(plan.partition.parts * p.parameters) : nullptr;
}

// Everything at arena.base; with no base only the size is worked out. The plan's layers lie there
// too.
void allocate(const Problem& problem, const Run& run, RunPlan plan, Arena& arena) {
    auto* at = arena.take<RunState>(1);
    auto* layers = arena.take<Layer>(problem.depth);
    RunState r = {};
    r.p = problem;
    r.run = run;
    r.callers = problem.layers;
    r.batches = run.k > 0 ? (run.k + run.batch - 1) / run.batch : 0;
    r.why = End::done;
    r.cost = cost_function(problem.cost, problem.canonical);
    r.optimizer = optimizer_kernels(problem.optimizer);
    if (!run.gradient) {
        r.p.parameters = place_layers(problem, arena.base ? layers : nullptr);
        if (arena.base) r.p.layers = layers;
    }
    const idx workspaces = takers_of(plan.partition, plan.threads);
    allocate_parameters(r, r.p, run, plan, arena);
    r.workspaces = arena.take<Workspace>(workspaces);
    const idx all_units = allocate_units(r, r.p, run, plan, arena);
    r.unit_sums = arena.take<double>(all_units);
    r.clipped_sums = arena.take<double>(all_units);
    const idx row_units = plan.partition.slice / ROWS + 1, slices = plan.partition.slices;
    r.J = arena.take<double>(slices > row_units ? slices : row_units);
    for (idx t = 0; t < workspaces; t++)
        allocate_workspace(arena.base ? r.workspaces + t : nullptr, r.p, run, plan, arena);
    auto* layer_plans = arena.take<LayerPlan>(problem.depth);
    for (idx l = 0; l < problem.depth && arena.base; l++) layer_plans[l] = plan.layers[l];
    plan.layers = layer_plans;
    r.plan = plan;
    if (plan.schedule == Schedule::single_sample) r.single = allocate_single_sample(r.p, arena);
    if (arena.base) *at = r;
}

}  // namespace
}  // namespace chainrule
