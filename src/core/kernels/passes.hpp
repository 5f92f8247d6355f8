// passes.hpp: forward and backward propagation of rows [r0, r1) of a slice, and the slice's gradient.
// Pairs of functions in the order in which they run.
#pragma once

#include "plan.hpp"

// Where a slice comes from: its first row in the batch, and the batch's place in the order of rows.
struct Slice {
    idx first, rows;    // within the batch
    idx batch;          // where the batch starts in `order`
    idx step;           // for dropout
    double sum;         // of the batch's weights, or its number of rows
};

INLINE const real* theta_of(const Run_state& r) { return static_cast<const real*>(r.run.theta); }
INLINE idx row_of(const Run_state& r, idx place) {
    return r.run.order ? (idx)r.run.order[place] : place;
}
// Which row of the dropout masks a row of the batch has.
INLINE idx masked_row(const Run_state& r, idx row) {
    return r.run.places ? (idx)r.run.places[row] : row;
}
INLINE const real* const* inputs_of(const Desk& d, idx l) {
    return l == 0 ? d.inputs : d.sheets[l - 1].rows;
}

// Points at the rows of X, and fetches the targets and the shares of J.
static void load_rows(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n_0 = p.layers[0].n_in, n_L = p.layers[p.depth - 1].n_out;
    const real* X = static_cast<const real*>(p.X);
    const real* Y = static_cast<const real*>(p.Y);
    const double* weights = static_cast<const double*>(p.weights);
    const bool smooth = (C)p.cost == C::cross_entropy && p.cost_setting != 0;
    const real keep = (real)(1 - p.cost_setting), spread = (real)(p.cost_setting / (double)n_L);
    const real even = (real)(1 / slice.sum);
    const bool dropped = r.run.masked && p.input_rate > 0;
    const Mask mask = dropped ? mask_of(p.seed, slice.step, 0, p.input_rate) : Mask{};
    for (idx i = r0; i < r1; i++) d.inputs[i] = X + row_of(r, slice.batch + slice.first + i) * n_0;
    for (idx i = r0; i < r1; i++) {
        const idx next = slice.batch + r.run.batch + slice.first + i;
        d.ahead[i] = next < r.run.k ? X + row_of(r, next) * n_0 : d.inputs[i];
    }
    if (dropped)
        for (idx i = r0; i < r1; i++) {
            real* x = d.dropped_inputs + i * n_0;
            __builtin_memcpy(x, d.inputs[i], (std::size_t)n_0 * sizeof(real));
            drop(x, nullptr, masked_row(r, slice.first + i), n_0, 0, n_0, mask);
            d.inputs[i] = x;
        }
    if (!Y) return;
    for (idx i = r0; i < r1; i++) {
        const real* from = Y + row_of(r, slice.batch + slice.first + i) * n_L;
        real* y = d.y + i * n_L;
        if (smooth)
            for (idx j = 0; j < n_L; j++) y[j] = keep * from[j] + spread;
        else if (n_L == 1)
            *y = *from;
        else
            for (idx j = 0; j < n_L; j += LANES)
                write_part(y + j, read_part(from + j, n_L - j), n_L - j);
    }
    if (!weights) {
        for (idx j = r0 * n_L; j < r1 * n_L; j++) d.share[j] = even;
    } else {
        for (idx i = r0; i < r1; i++) {
            const double w = weights[row_of(r, slice.batch + slice.first + i)];
            const real share = (real)(slice.sum > 0 ? w / slice.sum : 0);
            for (idx j = 0; j < n_L; j++) d.share[i * n_L + j] = share;
        }
    }
    // The cost takes whole registers: what is past the last row has no share.
    if (r1 == slice.rows)
        for (idx j = r1 * n_L; j < round_up(r1 * n_L, LANES); j++) d.y[j] = d.share[j] = 0;
}

struct TileOfLayer {
    const Sheet* sheet;
    idx r0, c0, first_row, units;
    real setting;
    const Mask* mask;
    const Run_state* run;
};

// The forward tile's epilogue: a = f(z), and its slope where the backward pass will want it.
static void activate_tile(const Epilogue& e, idx i, idx rows, idx j, idx width) {
    const auto& t = *static_cast<const TileOfLayer*>(e.context);
    const Sheet& s = *t.sheet;
    if (s.ld == padded(width) && !t.mask) {  // the tile's rows follow one another without a gap
        const idx at = (t.r0 + i) * s.ld;
        return s.f(s.a + at, s.df ? s.df + at : nullptr, rows * s.ld, t.setting);
    }
    j += t.c0;
    for (idx row = t.r0 + i; row < t.r0 + i + rows; row++) {
        const idx at = row * s.ld + j;
        real* df = s.df ? s.df + at : nullptr;
        s.f(s.a + at, df, padded(width), t.setting);
        if (!t.mask) continue;
        drop(s.a + at, df, masked_row(*t.run, t.first_row + row), t.units, j, width, *t.mask);
    }
}

static void mix_rows(const Sheet& s, const Layer& layer, const TileOfLayer& t, idx r0, idx r1) {
    for (idx row = r0; row < r1; row++) {
        real* a = s.a + row * s.ld;
        softmax_forward(a, layer.n_out);
        if (!t.mask) continue;
        real* mask = s.df + row * s.ld;
        __builtin_memcpy(s.dropped + row * s.ld, a, (std::size_t)layer.n_out * sizeof(real));
        for (idx j = 0; j < layer.n_out; j++) mask[j] = 1;
        drop(a, mask, masked_row(*t.run, t.first_row + row), layer.n_out, 0, layer.n_out, *t.mask);
    }
}

// Part of a layer's outputs: rows [r0, r1) of the slice, columns [c0, c1).
struct Region {
    idx r0, r1, c0, c1;
};

// z^l = a^{l-1} W^T + b, a^l = f(z^l) in a region, whole rows where f mixes them; the last layer stops
// at z, the rest is the cost's.
static void forward_layer(const Run_state& r, const Desk& d, const Slice& slice, idx l,
                          const Region& at, int thread) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const bool last = l == r.p.depth - 1, mixed = s.slope == Slope::mixed;
    const bool dropped = r.run.masked && layer.rate > 0;
    const Mask mask = dropped ? mask_of(r.p.seed, slice.step, l + 1, layer.rate) : Mask{};
    const TileOfLayer tile = {&s, at.r0, at.c0, slice.first, layer.n_out, (real)layer.setting,
                              dropped ? &mask : nullptr, &r};
    const bool in_tile = s.slope == Slope::one || s.slope == Slope::of_relu;
    Epilogue epilogue;
    if (!last && !mixed && !in_tile) epilogue = {activate_tile, &tile};
    product({.rows = inputs_of(d, l) + at.r0, .at = 0, .M = at.r1 - at.r0, .K = layer.n_in,
             .N = at.c1 - at.c0, .B = theta_of(r) + layer.w + at.c0, .B_ld = layer.n_out,
             .start = theta_of(r) + layer.b + at.c0, .start_ld = 0,
             .C = s.a + at.r0 * s.ld + at.c0, .C_ld = s.ld, .relu = s.slope == Slope::of_relu,
             .gate = nullptr, .B_padded = false,
             .pack = r.packs ? r.packs + thread * r.pack : nullptr},
            epilogue);
    if (mixed && !last) mix_rows(s, layer, tile, at.r0, at.r1);
}

static void forward(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1,
                    int thread) {
    for (idx l = 0; l < r.p.depth; l++)
        forward_layer(r, d, slice, l, {r0, r1, 0, r.p.layers[l].n_out}, thread);
}

// n entries of dz, in whole registers, from da: times f'.
INLINE void slope_times(const Sheet& s, idx at, idx n) {
    switch (s.slope) {
        case Slope::of_relu:
            for (idx j = at; j < at + n; j += LANES)
                store(s.dz + j, load(s.a + j) > 0 ? load(s.dz + j) : V{});
            break;
        case Slope::of_tanh:
            for (idx j = at; j < at + n; j += LANES) {
                const V a = load(s.a + j);
                store(s.dz + j, load(s.dz + j) * ((1 - a) * (1 + a)));
            }
            break;
        case Slope::kept:
            for (idx j = at; j < at + n; j += LANES)
                store(s.dz + j, load(s.dz + j) * load(s.df + j));
            break;
        case Slope::one:
        case Slope::mixed: break;
    }
}

// a^L = f(z^L) where nobody asks for the cost.
static void output_forward(const Run_state& r, const Desk& d, idx r0, idx r1) {
    const Layer& layer = r.p.layers[r.p.depth - 1];
    const Sheet& s = d.sheets[r.p.depth - 1];
    const idx n = layer.n_out;
    if (s.slope == Slope::mixed) {
        for (idx i = r0; i < r1; i++) softmax_forward(s.a + i * n, n);
    } else if (s.slope != Slope::one && s.slope != Slope::of_relu) {
        real* df = s.df ? s.df + r0 * n : nullptr;
        s.f(s.a + r0 * n, df, padded((r1 - r0) * n), (real)layer.setting);
    }
}

static double cross_entropy_rows(const Run_state& r, const Desk& d, idx r0, idx r1) {
    const Sheet& s = d.sheets[r.p.depth - 1];
    const idx n = r.p.layers[r.p.depth - 1].n_out;
    double J = 0;
    for (idx i = r0; i < r1; i++) {
        const real share = d.share[i * n];
        const RowCost row = cross_entropy_row(s.a + i * n, d.y + i * n, share, s.dz + i * n, n);
        d.sums[i] = row.sum;
        if (share > 0) J += (double)share * (double)row.rest;
    }
    for (idx i = r0; i < r1; i += LANES) {
        const V logs = log(read_part(d.sums + i, r1 - i));
        for (idx k = 0; k < LANES && i + k < r1; k++) {
            const real share = d.share[(i + k) * n];
            if (share > 0) J += (double)share * (double)logs[k];
        }
    }
    return J;
}

// sum_i share_i J_i over the rows, and dz^L.
static double cost_of_rows(const Run_state& r, const Desk& d, idx r0, idx r1) {
    const Problem& p = r.p;
    const Sheet& s = d.sheets[p.depth - 1];
    const idx n = p.layers[p.depth - 1].n_out, at = r0 * n, entries = padded((r1 - r0) * n);
    const real setting = (real)p.cost_setting;
    if (p.canonical && (C)p.cost == C::cross_entropy) return cross_entropy_rows(r, d, r0, r1);
    if (!p.canonical) output_forward(r, d, r0, r1);
    const double J = r.cost(s.a + at, d.y + at, d.share + at, s.dz + at, entries, setting);
    if (p.canonical) return J;
    slope_times(s, at, entries);
    if (s.slope == Slope::mixed)
        for (idx i = r0; i < r1; i++) softmax_backward(s.dz + i * n, s.a + i * n, n);
    return J;
}

// The backward tile's epilogue: dz = da f'(z).
static void slope_tile(const Epilogue& e, idx i, idx rows, idx j, idx width) {
    const auto& t = *static_cast<const TileOfLayer*>(e.context);
    if (t.sheet->ld == padded(width))
        return slope_times(*t.sheet, (t.r0 + i) * t.sheet->ld, rows * t.sheet->ld);
    for (idx row = t.r0 + i; row < t.r0 + i + rows; row++)
        slope_times(*t.sheet, row * t.sheet->ld + j, padded(width));
}

static void unmix_rows(const Sheet& s, const Layer& layer, idx r0, idx r1) {
    for (idx row = r0; row < r1; row++) {
        real* dz = s.dz + row * s.ld;
        const real* a = (s.dropped ? s.dropped : s.a) + row * s.ld;
        if (s.dropped)
            for (idx j = 0; j < layer.n_out; j++) dz[j] *= s.df[row * s.ld + j];
        softmax_backward(dz, a, layer.n_out);
    }
}

// da^{l-1} = dz^l W^l, dz^{l-1} = da^{l-1} f'(z^{l-1}).
static void backward(const Run_state& r, const Desk& d, idx r0, idx r1) {
    const Problem& p = r.p;
    for (idx l = p.depth - 1; l > 0; l--) {
        const Layer &layer = p.layers[l], &below = p.layers[l - 1];
        const Sheet &s = d.sheets[l], &to = d.sheets[l - 1];
        const TileOfLayer tile = {&to, r0, 0, 0, below.n_out, 0, nullptr, &r};
        Epilogue epilogue;
        const bool in_tile = to.slope == Slope::one || to.slope == Slope::of_relu;
        if (!in_tile && to.slope != Slope::mixed) epilogue = {slope_tile, &tile};
        const real* gate = to.slope == Slope::of_relu ? to.a + r0 * to.ld : nullptr;
        product({.rows = s.dz_rows + r0, .at = 0, .M = r1 - r0, .K = layer.n_out,
                        .N = layer.n_in, .B = r.W[l], .B_ld = r.W_ld[l], .start = nullptr,
                        .start_ld = 0, .C = to.dz + r0 * to.ld, .C_ld = to.ld, .relu = false,
                        .gate = gate, .B_padded = true, .pack = nullptr},
                       epilogue);
        if (to.slope == Slope::mixed) unmix_rows(to, below, r0, r1);
    }
}
