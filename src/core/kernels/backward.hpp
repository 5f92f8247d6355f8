// backward.hpp: da^{l-1} = dz^l W^l and dz^{l-1} = da^{l-1} f'(z^{l-1}) of rows [r0, r1) of a slice. Either
// a product with W, which is made anew from W^T after every step; or dot products of rows of dz with
// rows of W^T as it lies, which cost a sum over lanes for each entry: worth it where a layer is wide
// and its batch is not.
#pragma once

#include "turned.hpp"

// Entries of a block: as many as there are lanes, so that one register takes all their sums.
constexpr idx DOT_ROWS = LANES >= 16 ? 4 : LANES >= 4 ? 2 : 1, DOT_COLUMNS = LANES / DOT_ROWS;

// c += dz w, LANES columns of both; the first `n` of them where n < LANES.
template <bool Part>
INLINE void dot_step(V (&c)[LANES], const real* const (&dz)[DOT_ROWS],
                     const real* const (&w)[DOT_COLUMNS], idx at, idx w_at, idx n) {
    V a[DOT_ROWS];
    UNROLL for (idx r = 0; r < DOT_ROWS; r++)
        a[r] = Part ? load_first(dz[r] + at, n) : load(dz[r] + at);
    UNROLL for (idx k = 0; k < DOT_COLUMNS; k++) {
        const V b = Part ? load_first(w[k] + w_at, n) : load(w[k] + w_at);
        UNROLL for (idx r = 0; r < DOT_ROWS; r++) c[r * DOT_COLUMNS + k] += a[r] * b;
    }
}

// Rows m .. of dz with rows i .. of W^T (n_in, n_out), over its panels [first, last): past `rows` and n_in
// the last one is taken again.
INLINE V dot_block(const Sheet& s, const real* W_T, const Layer& layer, idx m, idx rows, idx i, idx first,
                   idx last) {
    V c[LANES] = {};
    const real* dz[DOT_ROWS];
    UNROLL for (idx r = 0; r < DOT_ROWS; r++) dz[r] = s.dz + least(m + r, rows - 1) * s.ld;
    for (idx panel = first; panel < last; panel++) {
        const idx j = panel * PANEL, width = panel_width(layer.n_out, panel);
        const real* w[DOT_COLUMNS];
        UNROLL for (idx k = 0; k < DOT_COLUMNS; k++)
            w[k] = W_T + j * layer.n_in + least(i + k, layer.n_in - 1) * width;
        idx at = 0;
        if (width == PANEL)
            UNROLL for (; at < PANEL; at += LANES) dot_step<false>(c, dz, w, j + at, at, LANES);
        for (; at + LANES <= width; at += LANES) dot_step<false>(c, dz, w, j + at, at, LANES);
        if (at < width) dot_step<true>(c, dz, w, j + at, at, width - at);
    }
    return totals(c);
}

// Where da^{l-1} goes: rows [r0, r1) and units [i0, i1) of the layer below, whose rows are those of the slice.
struct Da {
    idx r0, r1, i0, i1;
    real* to;
    idx ld;
};

// The block at rows m .. and units i .. of da, or added to what is there.
template <bool add>
INLINE void put_block(const Sheet& s, const real* W_T, const Layer& layer, const Da& da, idx m, idx i, idx first,
                      idx last) {
    alignas(64) real block[LANES];
    store(block, dot_block(s, W_T, layer, m, da.r1, i, first, last));
    const idx high = least(DOT_ROWS, da.r1 - m), wide = least(DOT_COLUMNS, da.i1 - i);
    for (idx row = 0; row < high; row++) {
        real *at = da.to + (m + row) * da.ld + i, *from = block + row * DOT_COLUMNS;
        for (idx k = 0; add && k < wide; k++) from[k] += at[k];
        if (wide == DOT_COLUMNS) __builtin_memcpy(at, from, DOT_COLUMNS * sizeof(real));
        else
            for (idx k = 0; k < wide; k++) at[k] = from[k];
    }
}

// By some panels [first, last), which no cache keeps: of as many rows of W^T as the second cache does, while those
// that follow are asked for.
template <bool add>
static void dots_from_far(const Sheet& s, const Layer& layer, const real* W_T, const Da& da, idx first, idx last) {
    constexpr idx UNITS = 64;
    for (idx at = da.i0; at < da.i1; at += UNITS)
        for (idx m = da.r0; m < da.r1; m += DOT_ROWS) {
            const idx panel = first + (m - da.r0) / DOT_ROWS;  // whose next rows are asked for
            const real* next = W_T + panel * PANEL * layer.n_in + (at + UNITS) * PANEL;
            for (idx i = at; i < least(at + UNITS, da.i1); i += DOT_COLUMNS, next += DOT_COLUMNS * PANEL) {
                for (idx j = 0; panel < last && j < DOT_COLUMNS * PANEL; j += LANES)
                    __builtin_prefetch(next + j, 0, 2);
                put_block<add>(s, W_T, layer, da, m, i, first, last);
            }
        }
}

// da^{l-1} from the panels [first, last).
static void dots(const Run_state& r, const Sheet& s, const Layer& layer, const Da& da, idx first, idx last) {
    constexpr idx SOME_PANELS = 4;
    const real* W_T = r.theta + layer.w;
    if (layer.n_in * layer.n_out > KEPT && r.run.batch > 2 * DOT_ROWS) {
        dots_from_far<false>(s, layer, W_T, da, first, least(first + SOME_PANELS, last));
        for (idx from = first + SOME_PANELS; from < last; from += SOME_PANELS)
            dots_from_far<true>(s, layer, W_T, da, from, least(from + SOME_PANELS, last));
        return;
    }
    for (idx i = da.i0; i < da.i1; i += DOT_COLUMNS)
        for (idx m = da.r0; m < da.r1; m += DOT_ROWS)
            put_block<false>(s, W_T, layer, da, m, i, first, last);
}

// dz^{l-1} of rows [r0, r1) and units [i0, i1) of the layer below, f' included unless it mixes units.
static void backward_dots(const Run_state& r, const Desk& d, idx l, idx r0, idx r1, idx i0, idx i1) {
    const Layer& layer = r.p.layers[l];
    const Sheet &s = d.sheets[l], &to = d.sheets[l - 1];
    dots(r, s, layer, {r0, r1, i0, i1, to.dz, to.ld}, 0, panels(layer));
    for (idx m = r0; m < r1; m++) slope_times(to, m * to.ld + i0, i1 - i0);
}

// The same by a product with W; i0 begins a panel.
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
    else if (d.sheets[l].dz_T) backward_turned(r, d, l, r0, r1, i0, i1);
    else backward_dots(r, d, l, r0, r1, i0, i1);
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
