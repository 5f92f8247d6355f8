// forward.hpp: forward propagation of rows [r0, r1) of a slice and their cost, and what the way back
// (backward.hpp, gradient.hpp) takes from it. Functions in the order in which they run.
#pragma once

#include "plan.hpp"

// Where a slice comes from: its first row in the batch, and the batch's place in the order of rows.
struct Slice {
    idx first, rows;    // within the batch
    idx batch;          // where the batch starts in `order`
    idx step;           // for dropout
    double sum;         // of the batch's weights, or its number of rows
};

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

// a^0 of rows [r0, r1), where they lie in X, or with dropout's mask beside it.
static void load_inputs(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n_0 = p.layers[0].n_in, first = slice.batch + slice.first;
    const real* X = static_cast<const real*>(p.X);
    for (idx i = r0; i < r1; i++) d.inputs[i] = X + row_of(r, first + i) * n_0;
    if (d.ahead)
        for (idx i = r0; i < r1; i++) {
            const idx next = first + r.run.batch + i;
            d.ahead[i] = next < r.run.k ? X + row_of(r, next) * n_0 : d.inputs[i];
        }
    if (!r.run.masked || p.input_rate == 0) return;
    const Mask mask = mask_of(p.seed, slice.step, 0, p.input_rate);
    for (idx i = r0; i < r1; i++) {
        real* x = d.dropped_inputs + i * n_0;
        __builtin_memcpy(x, d.inputs[i], (std::size_t)n_0 * sizeof(real));
        drop(x, nullptr, masked_row(r, slice.first + i), n_0, 0, n_0, mask);
        d.inputs[i] = x;
    }
}

// Rows of at most BYTES, each by one move: what it writes past the row, the next rows write again.
// The last rows, and one at the end of Y, have too little behind them.
template <int BYTES>
static void copy_rows(const Run_state& r, idx first, idx n, idx r0, idx r1, real* y) {
    typedef real Piece __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));
    constexpr idx WIDTH = BYTES / (idx)sizeof(real);
    const real* Y = static_cast<const real*>(r.p.Y);
    const idx last = r.p.rows * n - WIDTH;
    for (idx i = r0; i < r1; i++) {
        const idx at = row_of(r, first + i) * n;
        if (i * n + WIDTH <= r1 * n && at <= last)
            *reinterpret_cast<Piece*>(y + i * n) = *reinterpret_cast<const Piece*>(Y + at);
        else
            for (idx j = 0; j < n; j++) y[i * n + j] = Y[at + j];
    }
}

// y of rows [r0, r1), smoothed where the cost asks for it.
static void load_targets(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n = p.layers[p.depth - 1].n_out, first = slice.batch + slice.first;
    const idx bytes = n * (idx)sizeof(real);
    if (bytes <= 16) copy_rows<16>(r, first, n, r0, r1, d.y);
    else if (bytes <= 32) copy_rows<32>(r, first, n, r0, r1, d.y);
    else if (bytes <= 64) copy_rows<64>(r, first, n, r0, r1, d.y);
    else
        for (idx i = r0; i < r1; i++)
            __builtin_memcpy(d.y + i * n, static_cast<const real*>(p.Y) + row_of(r, first + i) * n,
                             (std::size_t)bytes);
    if ((Cost)p.cost != Cost::cross_entropy || p.cost_setting == 0) return;
    const real keep = (real)(1 - p.cost_setting), spread = (real)(p.cost_setting / (double)n);
    for (idx j = r0 * n; j < r1 * n; j++) d.y[j] = keep * d.y[j] + spread;
}

// What each entry of rows [r0, r1) counts for in J: 1/m, or the sample's weight.
static void load_shares(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n = p.layers[p.depth - 1].n_out;
    const double* weights = static_cast<const double*>(p.weights);
    if (!weights) {
        const real even = (real)(1 / slice.sum);
        for (idx j = r0 * n; j < r1 * n; j++) d.share[j] = even;
        return;
    }
    for (idx i = r0; i < r1; i++) {
        const double w = weights[row_of(r, slice.batch + slice.first + i)];
        const real share = (real)(slice.sum > 0 ? w / slice.sum : 0);
        for (idx j = 0; j < n; j++) d.share[i * n + j] = share;
    }
}

// What the passes of rows [r0, r1) need of the data.
static void load_rows(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    load_inputs(r, d, slice, r0, r1);
    if (!r.p.Y) return;
    load_targets(r, d, slice, r0, r1);
    load_shares(r, d, slice, r0, r1);
    // The cost takes whole registers: what is past the last row has no share.
    const idx n = r.p.layers[r.p.depth - 1].n_out;
    if (r1 == slice.rows)
        for (idx j = r1 * n; j < round_up(r1 * n, LANES); j++) d.y[j] = d.share[j] = 0;
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

// Part of a layer's outputs: rows [r0, r1) of the slice, columns [c0, c1), which are whole panels.
struct Region {
    idx r0, r1, c0, c1;
};

// z of a last layer of one to four units: dot products with rows of W, since a product would leave most lanes
// empty. W^T of one unit is W; that of more is there while there is a way back. Each register takes the outputs of
// some rows, with a place between those of three units.
template <int n>
static void forward_few(const Run_state& r, const Desk& d, idx l, idx r0, idx r1) {
    constexpr idx PLACES = n == 3 ? 4 : n, HIGH = LANES / PLACES;
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const real* const* rows = inputs_of(d, l);
    const real* const W_of_l = n == 1 ? r.theta + layer.w : d.W[l];
    V b;
    for (idx k = 0; k < LANES; k++) b[k] = k % PLACES < n ? r.theta[layer.b + k % PLACES] : 0;
    for (idx i = r0; i < r1; i += HIGH) {
        const idx high = least(HIGH, r1 - i);
        const real* a[HIGH];
        UNROLL for (idx k = 0; k < HIGH; k++) a[k] = rows[i + least(k, high - 1)];
        V c[LANES] = {};
        for (idx j = 0; j < layer.n_in; j += PANEL) {
            const idx width = least(PANEL, layer.n_in - j), ld = padded(width);
            for (idx v = 0; v < width; v += LANES) {
                const real* w = W_of_l + j * n + v;
                V W[n];  // what is past the last of them is not zero
                UNROLL for (idx o = 0; o < n; o++) W[o] = read_part(w + o * ld, width - v);
                UNROLL for (idx k = 0; k < HIGH; k++) {
                    const V x = read_part(a[k] + j + v, width - v);
                    UNROLL for (idx o = 0; o < n; o++) c[k * PLACES + o] += x * W[o];
                }
            }
        }
        V z = totals(c) + b;
        if (s.slope == Slope::of_relu) z = relu(z);
        if constexpr (PLACES == n) write_part(s.a + i * n, z, high * n);
        else
            for (idx k = 0; k < high * n; k++) s.a[i * n + k] = z[k / n * PLACES + k % n];
    }
}

// How a last layer of few units is had from dot products, or null.
using Few_units = void (*)(const Run_state&, const Desk&, idx l, idx r0, idx r1);
static Few_units few_units(const Layer& layer, const real* W) {
    constexpr bool MANY = LANES >= 4;
    if (layer.n_in < LANES) return nullptr;
    if (layer.n_out == 1) return forward_few<1>;
    if (!W || !MANY) return nullptr;
    if (layer.n_out == 2) return forward_few<MANY ? 2 : 1>;
    if (layer.n_out == 3) return forward_few<MANY ? 3 : 1>;
    return layer.n_out == 4 ? forward_few<MANY ? 4 : 1> : nullptr;
}

// z^l = a^{l-1} W^T + b, a^l = f(z^l) in a region, whole rows where f mixes them; the last layer stops
// at z, the rest is the cost's.
static void forward_layer(const Run_state& r, const Desk& d, const Slice& slice, idx l,
                          const Region& at) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const bool last = l == r.p.depth - 1, mixed = s.slope == Slope::mixed;
    if (const Few_units few = last ? few_units(layer, d.W[l]) : nullptr) return few(r, d, l, at.r0, at.r1);
    const bool dropped = r.run.masked && layer.rate > 0;
    const Mask mask = dropped ? mask_of(r.p.seed, slice.step, l + 1, layer.rate) : Mask{};
    const TileOfLayer tile = {&s, at.r0, at.c0, slice.first, layer.n_out, (real)layer.setting,
                              dropped ? &mask : nullptr, &r};
    const bool in_tile = s.slope == Slope::one || s.slope == Slope::of_relu;
    Epilogue epilogue;
    if (!last && !mixed && !in_tile) epilogue = {activate_tile, &tile};
    product({.rows = inputs_of(d, l) + at.r0, .at = 0, .M = at.r1 - at.r0, .K = layer.n_in,
             .N = at.c1 - at.c0, .B = r.theta + layer.w + at.c0 * layer.n_in,
             .start = r.theta + layer.b + at.c0, .start_ld = 0,
             .C = s.a + at.r0 * s.ld + at.c0, .C_ld = s.ld, .relu = s.slope == Slope::of_relu,
             .slope = Slope::one, .slope_from = nullptr, .padded = false},
            epilogue);
    if (mixed && !last) mix_rows(s, layer, tile, at.r0, at.r1);
}

static void forward(const Run_state& r, const Desk& d, const Slice& slice, idx r0, idx r1) {
    for (idx l = 0; l < r.p.depth; l++)
        forward_layer(r, d, slice, l, {r0, r1, 0, r.p.layers[l].n_out});
}

// n entries of dz, from da: times f'.
template <Slope slope>
static void times_slopes(real* dz, const real* from, idx n) {
    for (idx j = 0; j < n; j += LANES)
        write_part(dz + j, times_slope<slope>(read_part(dz + j, n - j), read_part(from + j, n - j)),
                   n - j);
}
static void slope_times(const Sheet& s, idx at, idx n) {
    if (s.slope == Slope::of_relu) times_slopes<Slope::of_relu>(s.dz + at, s.a + at, n);
    else if (s.slope == Slope::of_tanh) times_slopes<Slope::of_tanh>(s.dz + at, s.a + at, n);
    else if (s.slope == Slope::kept) times_slopes<Slope::kept>(s.dz + at, s.df + at, n);
}

INLINE const real* slope_from(const Sheet& s) { return s.slope == Slope::kept ? s.df : s.a; }

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
    idx i = r0;
    constexpr idx FEWEST = LANES / 4 + 1;  // rows that are worth a block
    for (; n <= LANES && r1 - i >= FEWEST; i += least(LANES, r1 - i)) {
        const idx at = i * n;
        J += cross_entropy_block(s.a + at, d.y + at, d.share + at, s.dz + at, n, least(LANES, r1 - i));
    }
    const idx rest = i;
    for (; i < r1; i++) {
        const real share = d.share[i * n];
        const RowCost row = cross_entropy_row(s.a + i * n, d.y + i * n, share, s.dz + i * n, n);
        d.sums[i] = row.sum;
        if (share > 0) J += (double)share * (double)row.rest;
    }
    for (i = rest; i < r1; i += LANES) {
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
    if (p.canonical && (Cost)p.cost == Cost::cross_entropy) return cross_entropy_rows(r, d, r0, r1);
    if (!p.canonical) output_forward(r, d, r0, r1);
    const double J = r.cost(s.a + at, d.y + at, d.share + at, s.dz + at, entries, setting);
    if (p.canonical) return J;
    slope_times(s, at, entries);
    if (s.slope == Slope::mixed)
        for (idx i = r0; i < r1; i++) softmax_backward(s.dz + i * n, s.a + i * n, n);
    return J;
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
