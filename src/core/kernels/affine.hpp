// affine.hpp: z = a_prev W^T + b of one layer, with its a = f(z): forward, backward and gradient.
// Each has a way that the plan chose: see plan.hpp. Rows are samples; W^T (n_in, n_out) lies in
// panels of columns.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "affine_gradient.hpp"
#include "affine_outputs.hpp"
#include "backward_wide.hpp"
#include "dropout.hpp"
#include "few_units.hpp"
#include "layer_activation.hpp"
#include "partition.hpp"
#include "product.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// z = a_prev W^T + b by tiles, which apply relu themselves and any other f while they are in the
// first cache.
void forward_tiles(const RunState& r, const Workspace& ws, const Slice& slice, idx l,
                   const Region& at) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& buffers = ws.layers[l];
    const bool last = l == r.p.depth - 1, mixed = buffers.slope == Slope::mixed;
    const bool in_tile = buffers.slope == Slope::one || buffers.slope == Slope::of_relu;
    const bool dropped = r.run.masked && layer.rate > 0;
    const Mask mask = dropped ? mask_of(r.p.seed, slice.step, layer.place, layer.rate) : Mask{};
    const ActivatedRegion region = {.buffers = &buffers,
                                    .r0 = at.r0,
                                    .c0 = at.c0,
                                    .first_row = slice.first,
                                    .units = layer.n_out,
                                    .setting = (real)layer.setting,
                                    .mask = dropped ? &mask : nullptr,
                                    .run = &r};
    Epilogue epilogue;
    if (!last && !mixed && !in_tile) epilogue = {activate_tile, &region};
    product({.rows = inputs_of(ws, l) + at.r0,
             .at = 0,
             .M = at.r1 - at.r0,
             .K = layer.n_in,
             .N = at.c1 - at.c0,
             .B = r.theta + layer.w + at.c0 * layer.n_in,
             .start = r.theta + layer.b + at.c0,
             .start_ld = 0,
             .C = buffers.a + at.r0 * buffers.ld + at.c0,
             .C_ld = buffers.ld,
             .relu = buffers.slope == Slope::of_relu,
             .slope = Slope::one,
             .slope_from = nullptr,
             .padded = false},
            epilogue);
    if (mixed && !last) mix_rows(region, layer, at.r0, at.r1);
}

// da_prev = dz W by a product with W, which is made anew from W^T after every step; i0 begins a
// panel of W.
void backward_product(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1, idx i0,
                      idx i1) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers &buffers = ws.layers[l], &below = ws.layers[l - 1];
    const idx at = r0 * below.ld + i0;
    product({.rows = buffers.dz_rows + r0,
             .at = 0,
             .M = r1 - r0,
             .K = layer.n_out,
             .N = i1 - i0,
             .B = ws.W[l] + i0 * layer.n_out,
             .start = nullptr,
             .start_ld = 0,
             .C = below.dz + at,
             .C_ld = below.ld,
             .relu = false,
             .slope = below.slope == Slope::mixed ? Slope::one : below.slope,
             .slope_from = slope_from(below) + at,
             .padded = true},
            {});
}

// The same from W^T as it lies.
void backward_wide(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1, idx i0, idx i1) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers &buffers = ws.layers[l], &below = ws.layers[l - 1];
    const WidePanels wide = {.W_T = r.theta + layer.w,
                             .layer = &layer,
                             .first = 0,
                             .last = panels(layer),
                             .dz_T = buffers.dz_T + r0 * layer.n_out};
    constexpr idx SOME = 48;  // units, whose f' follows while they are near
    for (idx i = i0; i < i1; i += SOME) {
        const idx next = least(i + SOME, i1);
        wide_units(wide, i, next, below.dz + r0 * below.ld, below.ld, r1 - r0);
        for (idx m = r0; m < r1; m++) times_slope_of(below, m * below.ld + i, next - i);
    }
}

// The affine op: forward, backward and gradient, as the table of ops has them.
struct Affine {
    // Forward: z = a_prev W^T + b, a = f(z).
    // In a region, whole rows where f mixes them; the last layer stops at z, the rest is the
    // cost's.
    static void forward(const RunState& r, const Workspace& ws, const Slice& slice, idx l,
                        const Region& at) {
        if (r.plan.layers[l].forward == Forward::few_units)
            return forward_few_units(r, ws, l, at.r0, at.r1);
        forward_tiles(r, ws, slice, l, at);
    }

    // Backward: da_prev = dz W, dz_prev = da_prev f'(z_prev).
    //   In the forward pass: z = a_prev W^T + b, a_prev = f(z_prev).
    // Of rows [r0, r1) and units [i0, i1) of the layer below.
    static void backward(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1, idx i0,
                         idx i1) {
        if (is_wide(r.plan.layers[l].backward)) backward_wide(r, ws, l, r0, r1, i0, i1);
        else backward_product(r, ws, l, r0, r1, i0, i1);
    }

    // Gradient: dW^T = a_prev^T dz, db = sum of dz over the rows.
    //   In the forward pass: z = a_prev W^T + b.
    // The share of a thread, over the first `rows` rows of a slice.
    static void gradient(const RunState& r, const Workspace& ws, idx l, idx rows, int thread,
                         int threads, const GradientTarget& target) {
        const Layer& layer = r.p.layers[l];
        const Gradient way = r.plan.layers[l].gradient;
        const Range items = share_of(panels(layer) * units(layer), thread, threads);
        if (way == Gradient::panels) wide_gradient(r, ws, l, rows, items, target);
        else narrow_gradient(r, ws, l, rows, items, target);
        if (thread == (int)(l % threads) && way != Gradient::across_with_bias)
            bias_gradient(r, ws, l, rows, target);
    }

    static constexpr auto outputs = affine_outputs;
};

}  // namespace
}  // namespace chainrule
