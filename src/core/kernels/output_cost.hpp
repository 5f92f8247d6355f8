// output_cost.hpp: a^L, the cost of rows of a slice, and dz^L.
#pragma once

#include "activations.hpp"
#include "costs.hpp"
#include "layer_activation.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// a^L = f(z^L) where the cost starts from a.
void output_forward(const RunState& r, const Workspace& ws, idx r0, idx r1) {
    const Layer& layer = r.p.layers[r.p.depth - 1];
    const LayerBuffers& buffers = ws.layers[r.p.depth - 1];
    const idx n = layer.n_out;
    if (buffers.slope == Slope::mixed) {
        for (idx i = r0; i < r1; i++) softmax_forward(buffers.a + i * n, n);
    } else if (buffers.slope != Slope::one && buffers.slope != Slope::of_relu) {
        real* df = buffers.df ? buffers.df + r0 * n : nullptr;
        buffers.f(buffers.a + r0 * n, df, padded((r1 - r0) * n), (real)layer.setting);
    }
}

double cross_entropy_rows(const RunState& r, const Workspace& ws, idx r0, idx r1) {
    const LayerBuffers& buffers = ws.layers[r.p.depth - 1];
    const idx n = r.p.layers[r.p.depth - 1].n_out;
    double J = 0;
    idx i = r0;
    constexpr idx FEWEST = LANES / 4 + 1;  // rows that are worth a block
    for (; n <= LANES && r1 - i >= FEWEST; i += least(LANES, r1 - i)) {
        const idx at = i * n;
        J += cross_entropy_block(buffers.a + at, ws.y + at, ws.share + at, buffers.dz + at, n,
                                 least(LANES, r1 - i));
    }
    const idx rest = i;
    for (; i < r1; i++) {
        const real share = ws.share[i * n];
        const RowCost row =
            cross_entropy_row(buffers.a + i * n, ws.y + i * n, share, buffers.dz + i * n, n);
        ws.sums[i] = row.sum;
        if (share > 0) J += (double)share * (double)row.rest;
    }
    for (i = rest; i < r1; i += LANES) {
        const V logs = log(read_part(ws.sums + i, r1 - i));
        for (idx k = 0; k < LANES && i + k < r1; k++) {
            const real share = ws.share[(i + k) * n];
            if (share > 0) J += (double)share * (double)logs[k];
        }
    }
    return J;
}

// sum_i share_i J_i over the rows, and dz^L.
double cost_of_rows(const RunState& r, const Workspace& ws, idx r0, idx r1) {
    const Problem& p = r.p;
    const LayerBuffers& buffers = ws.layers[p.depth - 1];
    const idx n = p.layers[p.depth - 1].n_out, at = r0 * n, entries = padded((r1 - r0) * n);
    const real setting = (real)p.cost_setting;
    if (p.canonical && (Cost)p.cost == Cost::cross_entropy)
        return cross_entropy_rows(r, ws, r0, r1);
    if (!p.canonical) output_forward(r, ws, r0, r1);
    const double J =
        r.cost(buffers.a + at, ws.y + at, ws.share + at, buffers.dz + at, entries, setting);
    if (p.canonical) return J;
    times_slope_of(buffers, at, entries);
    if (buffers.slope == Slope::mixed)
        for (idx i = r0; i < r1; i++) softmax_backward(buffers.dz + i * n, buffers.a + i * n, n);
    return J;
}

}  // namespace
}  // namespace chainrule
