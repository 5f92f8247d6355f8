// slice.hpp: forward and backward of a slice through all layers, by one thread or by the team.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "backward_wide.hpp"
#include "batch.hpp"
#include "ops.hpp"
#include "output_cost.hpp"
#include "partition.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

INLINE void wait(const RunState& r, int thread) {
    if (r.plan.threads > 1) r.team->barrier(r.team, thread);
}

// Whether the run is to end here. The first thread asks; what the others know is sure behind a
// barrier.
INLINE bool stops(RunState& r, int thread) {
    if (thread == 0 && r.run.stop && r.run.stop->asked(r.run.stop))
        __atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
    return __atomic_load_n(&r.stop, __ATOMIC_RELAXED);
}

// A thread's share in a layer's forward product: units of rows, panel by panel.
void forward_panels(const RunState& r, const Slice& slice, idx l, int thread, int threads) {
    const Layer& layer = r.p.layers[l];
    const idx high = (slice.rows + ROWS - 1) / ROWS;
    const Range items = share_of(panels(layer) * high, thread, threads);
    for (idx at = items.begin; at < items.end;) {
        const idx c0 = at / high * PANEL, u0 = at % high, u1 = least(high, u0 + items.end - at);
        const Region region = {.r0 = u0 * ROWS,
                               .r1 = least(u1 * ROWS, slice.rows),
                               .c0 = c0,
                               .c1 = least(c0 + PANEL, layer.n_out)};
        forward(r, r.workspaces[0], slice, l, region);
        at += u1 - u0;
    }
}

// A thread's share in a layer's backward by units below: whole lines of W^T, or panels of W.
void backward_units(const RunState& r, idx rows, idx l, int thread, int threads) {
    const idx high = is_wide(r.plan.layers[l].backward) ? ROWS : PANEL;
    const auto [i0, i1] = share_by(high, r.p.layers[l].n_in, thread, threads);
    if (i0 < i1) backward(r, r.workspaces[0], l, 0, rows, i0, i1);
}

// Backward of layer l, of rows or of units below, whichever the threads share.
void backward_share(const RunState& r, idx rows, idx l, Range mine, int thread, int threads) {
    if (is_by_units(r.plan.layers[l].backward)) return backward_units(r, rows, l, thread, threads);
    if (mine.begin < mine.end)
        backward(r, r.workspaces[0], l, mine.begin, mine.end, 0, r.p.layers[l].n_in);
}

// Forward and cost of one slice, shared by the team: each thread its rows, and in wide layers its
// columns. A barrier separates work by columns from work by rows and from that by other columns.
void forward_slice(RunState& r, const Slice& slice, int thread, int threads) {
    const Workspace& ws = r.workspaces[0];
    const idx L = r.p.depth;
    const auto [r0, r1] = share_by(ROWS, slice.rows, thread, threads);
    if (r0 < r1) load_rows(r, ws, slice, r0, r1);
    bool columns = false;
    for (idx l = 0; l < L; l++) {
        const bool shared = r.plan.layers[l].forward == Forward::panels;
        if (shared || columns) wait(r, thread);
        if (shared) forward_panels(r, slice, l, thread, threads);
        else if (r0 < r1)
            forward(r, ws, slice, l, {.r0 = r0, .r1 = r1, .c0 = 0, .c1 = r.p.layers[l].n_out});
        columns = shared;
    }
    if (columns) wait(r, thread);
    for (idx row = r0; row < r1; row += ROWS)
        r.J[row / ROWS] = cost_of_rows(r, ws, row, least(row + ROWS, slice.rows));
    const idx n_L = r.p.layers[L - 1].n_out;
    transpose_dz(ws.layers[L - 1], n_L, r0, r1, 0, n_L);
}

// Backward of one slice, after its forward.
void backward_slice(const RunState& r, const Slice& slice, int thread, int threads) {
    const Range mine = share_by(ROWS, slice.rows, thread, threads);
    bool columns = false;
    for (idx l = r.p.depth - 1; l > 0; l--) {
        const bool shared = is_by_units(r.plan.layers[l].backward);
        if (shared || columns) wait(r, thread);
        backward_share(r, slice.rows, l, mine, thread, threads);
        columns = shared;
    }
}

// A thread's share in the gradient of all layers.
void gradient_slice(const RunState& r, const Workspace& ws, idx rows, int thread, int threads,
                    const GradientTarget& target) {
    for (idx l = r.p.depth - 1; l >= 0; l--) gradient(r, ws, l, rows, thread, threads, target);
}

// Forward, cost, backward and gradient of a block of slices by one thread; their costs go to J.
void pass_block(const RunState& r, const Workspace& ws, const Slice& block, double* J,
                const GradientTarget& target) {
    const idx slice = r.plan.partition.slice;
    load_rows(r, ws, block, 0, block.rows);
    for (idx l = 0; l < r.p.depth; l++)
        forward(r, ws, block, l, {.r0 = 0, .r1 = block.rows, .c0 = 0, .c1 = r.p.layers[l].n_out});
    for (idx first = 0; first < block.rows; first += slice)
        J[first / slice] = cost_of_rows(r, ws, first, least(first + slice, block.rows));
    if (!r.plan.backward) return;
    for (idx l = r.p.depth - 1; l > 0; l--)
        backward(r, ws, l, 0, block.rows, 0, r.p.layers[l].n_in);
    gradient_slice(r, ws, block.rows, 0, 1, target);
}

}  // namespace
}  // namespace chainrule
