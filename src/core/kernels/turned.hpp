// turned.hpp: da^{l-1} = dz^l W^l of a wide layer with samples along the lanes: (da^{l-1})^T = W^T (dz^l)^T. W^T is
// read as it lies, entry by entry, and nothing is summed over lanes; dz^T comes in groups of as many
// samples as there are lanes: (groups, n_l, LANES).
#pragma once

#include "layout.hpp"

// TURNED_HIGH units of the layer below and so many groups of samples of a tile: their sums fill most registers. A tile that asks the
// memory for what follows takes twice the samples with each line. And units between two turns back.
constexpr idx TURNED_WIDE = MANY_REGISTERS ? 1 : 2;
constexpr idx FAR_HIGH = MANY_REGISTERS ? 8 : 6, FAR_WIDE = 2;
constexpr idx TURNED_BLOCK = 48;

// Panels [first, last) of W^T, and groups of dz^T from one on, of n_l * LANES numbers each.
struct Turned {
    const real* W_T;
    const Layer* layer;
    idx first, last;
    const real* dz_T;
};

// Adds a panel of `width` columns to the sums of a tile: w is its first row.
template <int MR, int NV, bool Far>
INLINE void turned_panel(V (&c)[MR][NV], const real* w, const real* next, idx width, const real* dz_T, idx apart) {
    constexpr idx LINE = 64 / (idx)sizeof(real);
    for (idx k = 0; k < width; k++, dz_T += LANES) {
        if constexpr (Far)
            for (idx line = 0; line < MR; line += LINE) __builtin_prefetch(next + k * MR + line);
        V z[NV];
        UNROLL for (int v = 0; v < NV; v++) z[v] = load(dz_T + v * apart);
        UNROLL for (int i = 0; i < MR; i++) {
            const V x = broadcast(w[i * width + k]);
            UNROLL for (int v = 0; v < NV; v++) c[i][v] += x * z[v];
        }
    }
}

// (da^{l-1})^T of units i .. i + MR: C (MR, NV * LANES).
template <int MR, int NV, bool Far>
static void turned_tile(const Turned& t, idx i, real* C) {
    const idx n_in = t.layer->n_in, n_out = t.layer->n_out, apart = n_out * LANES;
    V c[MR][NV] = {};
    for (idx panel = t.first; panel < t.last; panel++) {
        const idx j = panel * PANEL, width = panel_width(n_out, panel);
        const real *w = t.W_T + j * n_in + i * width, *z = t.dz_T + j * LANES;
        const real* next = panel + 1 < t.last ? w + n_in * PANEL : t.W_T + t.first * PANEL * n_in + (i + MR) * PANEL;
        if (width == PANEL) turned_panel<MR, NV, Far>(c, w, next, PANEL, z, apart);
        else turned_panel<MR, NV, false>(c, w, next, width, z, apart);
    }
    UNROLL for (int r = 0; r < MR; r++)
        UNROLL for (int v = 0; v < NV; v++) store(C + (r * NV + v) * LANES, c[r][v]);
}

// A block of units, at most TURNED_BLOCK, and at most NV groups of samples. The last tile ends with the layer,
// and works out anew what it shares with the one before.
template <int MR, int NV, bool Far>
static void turned_block(const Turned& t, idx i, idx tall, real* da, idx ld, idx samples) {
    alignas(64) real scratch[(MR + TURNED_BLOCK) * NV * LANES];
    real* const C = scratch + MR * NV * LANES;
    for (idx h = 0; h < tall; h += MR) {
        const idx at = least(i + h, t.layer->n_in - MR);
        turned_tile<MR, NV, Far>(t, at, C + (at - i) * NV * LANES);
    }
    transpose(C, NV * LANES, tall, samples, da + i, ld);
}

// A block of units of all samples: what is far is asked for by the first groups alone, which leave it near.
static void turned_units(const Turned& given, idx i, idx tall, real* da, idx ld, idx samples) {
    Turned t = given;
    const bool far = t.layer->n_in * t.layer->n_out > KEPT;
    for (idx m = 0, next; m < samples; m = next) {
        const idx wide = far && m == 0 && samples > LANES ? FAR_WIDE : samples - m > LANES ? TURNED_WIDE : 1;
        next = least(m + wide * LANES, samples);
        const auto block = far && m == 0 ? (wide > 1 ? turned_block<FAR_HIGH, FAR_WIDE, true>
                                                     : turned_block<TURNED_HIGH, 1, true>)
                                         : (wide > 1 ? turned_block<TURNED_HIGH, TURNED_WIDE, false>
                                                     : turned_block<TURNED_HIGH, 1, false>);
        block(t, i, tall, da + m * ld, ld, next - m);
        t.dz_T += wide * t.layer->n_out * LANES;
    }
}

// Samples [m0, m1) and units [j0, j1) of dz^T, from dz.
static void turn(const Sheet& s, idx n, idx m0, idx m1, idx j0, idx j1) {
    if (!s.dz_T || j0 >= j1) return;
    for (idx m = m0; m < m1; m += LANES)
        transpose(s.dz + m * s.ld + j0, s.ld, least(LANES, m1 - m), j1 - j0, s.dz_T + (m / LANES * n + j0) * LANES,
                  LANES);
}

// dz^{l-1} of rows [r0, r1) and units [i0, i1) of the layer below, f' included unless it mixes units.
static void backward_turned(const Run_state& r, const Desk& d, idx l, idx r0, idx r1, idx i0, idx i1) {
    const Layer& layer = r.p.layers[l];
    const Sheet &s = d.sheets[l], &to = d.sheets[l - 1];
    const Turned t = {r.theta + layer.w, &layer, 0, panels(layer), s.dz_T + r0 * layer.n_out};
    for (idx i = i0; i < i1; i += TURNED_BLOCK) {
        const idx tall = least(TURNED_BLOCK, i1 - i);
        turned_units(t, i, tall, to.dz + r0 * to.ld, to.ld, r1 - r0);
        for (idx m = r0; m < r1; m++) slope_times(to, m * to.ld + i, tall);
    }
}
