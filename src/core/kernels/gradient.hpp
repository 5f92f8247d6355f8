// gradient.hpp: dW^T = a_prev^T dz and db = sum_i dz_i, unit by unit, with the optimizer as the
// tile's epilogue or into a buffer; and what follows when the whole gradient must be seen first.
#pragma once

#include "passes.hpp"

// Where gradients go: into the optimizer (into == null), or into a flat array, added or not.
struct Sink {
    real* into;
    bool add;
    const Numbers* numbers;
};

INLINE Place place_of(const Run_state& r, idx at) {
    real* theta = static_cast<real*>(r.run.theta) + at;
    real* s0 = static_cast<real*>(r.run.state) + at;
    return {theta, s0, s0 + r.p.parameters};
}

// Rows [i0, i1) of W^T of layer l have changed: W follows.
INLINE void refresh_W(const Run_state& r, idx l, idx i0, idx i1) {
    const Layer& layer = r.p.layers[l];
    if (r.W[l])
        transpose(theta_of(r) + layer.w + i0 * layer.n_out, layer.n_out, i1 - i0, layer.n_out,
                  r.W[l] + i0, r.W_ld[l]);
}

// dW^T (n_in, n_out), rows of units [u0, u1), summed over the slice's rows.
static void weight_gradient(const Run_state& r, const Desk& d, idx l, idx rows, idx u0, idx u1,
                            const Sink& sink) {
    constexpr idx PANEL = MOST_NV * LANES;
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const idx n = layer.n_out, high = unit_rows(layer);
    alignas(64) real scratch[12 * PANEL];
    double* sums = r.unit_sums + r.first_unit[l];
    if (!sink.into)
        for (idx u = u0; u < u1; u++) sums[u] = 0;
    for (idx j = 0; j < n; j += PANEL) {
        const idx width = n - j < PANEL ? n - j : PANEL;
        const int NV = (int)((width + LANES - 1) / LANES);
        const idx most = most_rows(NV) < 8 ? 4 : 8;
        for (idx u = u0; u < u1; u++) {
            const idx end = (u + 1) * high < layer.n_in ? (u + 1) * high : layer.n_in;
            for (idx i = u * high, next; i < end; i = next) {
                next = i + most < end ? i + most : end;
                const Tile run = width % LANES ? tile_of<true, true>((int)(next - i), NV)
                                               : tile_of<false, true>((int)(next - i), NV);
                real* out = sink.into ? sink.into + layer.w + i * n + j : scratch;
                const idx out_ld = sink.into ? n : PANEL;
                run({inputs_of(d, l), i, rows, s.dz + j, s.ld, sink.add ? out : nullptr, out_ld,
                     out, out_ld, width, false});
                if (sink.into) continue;
                V squares = {};
                for (idx k = i; k < next; k++)
                    squares += r.update(place_of(r, layer.w + k * n + j), scratch + (k - i) * PANEL,
                                        width, *sink.numbers, true, sink.numbers->penalised);
                sums[u] += (double)total(squares);
            }
        }
    }
    if (!sink.into && r.W[l]) {
        const idx end = u1 * high < layer.n_in ? u1 * high : layer.n_in;
        refresh_W(r, l, u0 * high, end);
    }
}

static void bias_gradient(const Run_state& r, const Desk& d, idx l, idx rows, const Sink& sink) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    V squares = {};
    for (idx j = 0; j < layer.n_out; j += LANES) {
        const idx left = layer.n_out - j;
        V db = {};
        if (sink.into && sink.add) db = read_part(sink.into + layer.b + j, left);
        if (left >= LANES)
            for (idx i = 0; i < rows; i++) db += load(s.dz + i * s.ld + j);
        else
            for (idx i = 0; i < rows; i++) db += load_first(s.dz + i * s.ld + j, left);
        if (sink.into) {
            write_part(sink.into + layer.b + j, db, left);
        } else {
            alignas(64) real g[LANES];
            store(g, db);
            const idx width = left < LANES ? left : LANES;
            squares += r.update(place_of(r, layer.b + j), g, width, *sink.numbers, false, false);
        }
    }
    if (!sink.into) r.unit_sums[r.first_unit[l + 1] - 1] = (double)total(squares);
}

// The share of thread n of `of` in the slice's gradient.
static void gradient(const Run_state& r, const Desk& d, idx rows, int n, int of, const Sink& sink) {
    for (idx l = r.p.depth - 1; l >= 0; l--) {
        const Range u = share_of(units(r.p.layers[l]), n, of);
        if (u.begin < u.end) weight_gradient(r, d, l, rows, u.begin, u.end, sink);
        if (n == (int)(l % of)) bias_gradient(r, d, l, rows, sink);
    }
}

// A unit of layer l: its part of theta.
struct Span {
    idx begin, end;
};
INLINE Span span_of(const Layer& layer, idx unit) {
    if (unit == units(layer)) return {layer.b, layer.b + layer.n_out};
    const idx high = unit_rows(layer), end = (unit + 1) * high;
    return {layer.w + unit * high * layer.n_out,
            layer.w + (end < layer.n_in ? end : layer.n_in) * layer.n_out};
}

// The whole gradient: the parts summed in order, the penalty's gradient, clipping by value.
static void collect(const Run_state& r, idx parts, int n, int of, const Numbers& u) {
    const Problem& p = r.p;
    real* out = r.run.dtheta ? static_cast<real*>(r.run.dtheta) : r.gradients;
    const V limit = broadcast((real)p.clip_value);
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const Range mine = share_of(units(layer) + 1, n, of);
        for (idx unit = mine.begin; unit < mine.end; unit++) {
            const Span span = span_of(layer, unit);
            const bool penalise = u.penalised && unit < units(layer);
            V squares = {}, clipped = {};
            for (idx j = span.begin; j < span.end; j += LANES) {
                const idx left = span.end - j;
                V g = read_part(r.gradients + j, left);
                for (idx part = 1; part < parts; part++)
                    g += read_part(r.gradients + part * p.parameters + j, left);
                if (penalise) g += penalty_slope(read_part(theta_of(r) + j, left), u);
                squares += g * g;
                if (r.run.train && p.clip_value > 0) g = max(min(g, limit), -limit);
                clipped += g * g;
                write_part(out + j, g, left);
            }
            r.unit_sums[r.first_unit[l] + unit] = (double)total(squares);
            r.clipped_sums[r.first_unit[l] + unit] = (double)total(clipped);
        }
    }
}

// The optimizer's step from the whole gradient, shortened by `factor`.
static void apply(const Run_state& r, int n, int of, const Numbers& u, real factor) {
    const Problem& p = r.p;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const Range mine = share_of(units(layer) + 1, n, of);
        for (idx unit = mine.begin; unit < mine.end; unit++) {
            const Span span = span_of(layer, unit);
            const bool weights = unit < units(layer);
            if (factor != 1)
                for (idx j = span.begin; j < span.end; j++) r.gradients[j] *= factor;
            r.update(place_of(r, span.begin), r.gradients + span.begin, span.end - span.begin, u,
                     weights, false);
            if (weights) refresh_W(r, l, (span.begin - layer.w) / layer.n_out,
                                   (span.end - layer.w) / layer.n_out);
        }
    }
}
