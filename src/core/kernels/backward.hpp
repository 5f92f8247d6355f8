// backward.hpp: da^{l-1} = dz^l W^l and dz^{l-1} = da^{l-1} f'(z^{l-1}) of rows [r0, r1) of a slice. Either
// a product with W, which is made anew from W^T after every step; or, in wide layers, from W^T as it lies.
#pragma once

#include "turned.hpp"

// dz^{l-1} of rows [r0, r1) and units [i0, i1) of the layer below by a product with W; i0 begins a panel.
static void backward_product(const Run_state& r, const Desk& d, idx l, idx r0, idx r1, idx i0, idx i1) {
    const Layer& layer = r.p.layers[l];
    const Sheet &s = d.sheets[l], &to = d.sheets[l - 1];
    const idx at = r0 * to.ld + i0;
    product({.rows = s.dz_rows + r0, .at = 0, .M = r1 - r0, .K = layer.n_out, .N = i1 - i0,
             .B = d.W[l] + i0 * layer.n_out, .start = nullptr, .start_ld = 0, .C = to.dz + at, .C_ld = to.ld,
             .relu = false, .slope = to.slope == Slope::mixed ? Slope::one : to.slope,
             .slope_from = slope_from(to) + at, .padded = true},
            {});
}

// The same, by whichever way the layer has.
static void backward_units(const Run_state& r, const Desk& d, idx l, idx r0, idx r1, idx i0, idx i1) {
    if (d.W[l]) backward_product(r, d, l, r0, r1, i0, i1);
    else backward_turned(r, d, l, r0, r1, i0, i1);
}

// da^{l-1} = dz^l W^l, dz^{l-1} = da^{l-1} f'(z^{l-1}), of rows [r0, r1).
static void backward_layer(const Run_state& r, const Desk& d, idx l, idx r0, idx r1) {
    const Layer& below = r.p.layers[l - 1];
    const Sheet& to = d.sheets[l - 1];
    backward_units(r, d, l, r0, r1, 0, below.n_out);
    if (to.slope == Slope::mixed) unmix_rows(to, below, r0, r1);
    turn(to, below.n_out, r0, r1, 0, below.n_out);
}

static void backward(const Run_state& r, const Desk& d, idx r0, idx r1) {
    for (idx l = r.p.depth - 1; l > 0; l--) backward_layer(r, d, l, r0, r1);
}
