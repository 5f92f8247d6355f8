// batch.hpp: rows of a batch, as the passes take them: inputs, targets, and what each row counts
// for.
#pragma once

#include "../core.hpp"
#include "../tables.hpp"
#include "dropout.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

INLINE idx row_of(const RunState& r, idx place) {
    return r.run.order ? (idx)r.run.order[place] : place;
}
// Which row of the dropout masks a row of the batch has.
INLINE idx masked_row(const RunState& r, idx row) {
    return r.run.places ? (idx)r.run.places[row] : row;
}
// a^0 of rows [r0, r1), where they lie in X, or with dropout's mask beside it.
void load_inputs(const RunState& r, const Workspace& ws, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n_0 = p.layers[0].n_in, first = slice.batch + slice.first;
    const real* X = static_cast<const real*>(p.X);
    for (idx i = r0; i < r1; i++) ws.inputs[i] = X + row_of(r, first + i) * n_0;
    if (ws.next_inputs)
        for (idx i = r0; i < r1; i++) {
            const idx next = first + r.run.batch + i;
            ws.next_inputs[i] = next < r.run.k ? X + row_of(r, next) * n_0 : ws.inputs[i];
        }
    if (!r.run.masked || p.input_rate == 0) return;
    const Mask mask = mask_of(p.seed, slice.step, 0, p.input_rate);
    for (idx i = r0; i < r1; i++) {
        real* x = ws.dropped_inputs + i * n_0;
        __builtin_memcpy(x, ws.inputs[i], (std::size_t)n_0 * sizeof(real));
        drop(x, nullptr, masked_row(r, slice.first + i), n_0, 0, n_0, mask);
        ws.inputs[i] = x;
    }
}

// Rows of at most BYTES, each by one move: what it writes past the row, the next rows write again.
// The last rows, and one at the end of Y, have too little behind them.
template <int BYTES>
void copy_rows(const RunState& r, idx first, idx n, idx r0, idx r1, real* y) {
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
void load_targets(const RunState& r, const Workspace& ws, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n = p.layers[p.depth - 1].n_out, first = slice.batch + slice.first;
    const idx bytes = n * (idx)sizeof(real);
    if (bytes <= 16) copy_rows<16>(r, first, n, r0, r1, ws.y);
    else if (bytes <= 32) copy_rows<32>(r, first, n, r0, r1, ws.y);
    else if (bytes <= 64) copy_rows<64>(r, first, n, r0, r1, ws.y);
    else
        for (idx i = r0; i < r1; i++)
            __builtin_memcpy(ws.y + i * n, static_cast<const real*>(p.Y) + row_of(r, first + i) * n,
                             (std::size_t)bytes);
    if ((Cost)p.cost != Cost::cross_entropy || p.cost_setting == 0) return;
    const real keep = (real)(1 - p.cost_setting), spread = (real)(p.cost_setting / (double)n);
    for (idx j = r0 * n; j < r1 * n; j++) ws.y[j] = keep * ws.y[j] + spread;
}

// What each entry of rows [r0, r1) counts for in J: 1/m, or the sample's weight.
void load_shares(const RunState& r, const Workspace& ws, const Slice& slice, idx r0, idx r1) {
    const Problem& p = r.p;
    const idx n = p.layers[p.depth - 1].n_out;
    const double* weights = static_cast<const double*>(p.weights);
    if (!weights) {
        const real even = (real)(1 / slice.sum);
        for (idx j = r0 * n; j < r1 * n; j++) ws.share[j] = even;
        return;
    }
    for (idx i = r0; i < r1; i++) {
        const double w = weights[row_of(r, slice.batch + slice.first + i)];
        const real share = (real)(slice.sum > 0 ? w / slice.sum : 0);
        for (idx j = 0; j < n; j++) ws.share[i * n + j] = share;
    }
}

// What the passes of rows [r0, r1) need of the data.
void load_rows(const RunState& r, const Workspace& ws, const Slice& slice, idx r0, idx r1) {
    load_inputs(r, ws, slice, r0, r1);
    if (!r.p.Y) return;
    load_targets(r, ws, slice, r0, r1);
    load_shares(r, ws, slice, r0, r1);
    // The cost takes whole registers: what is past the last row has no share.
    const idx n = r.p.layers[r.p.depth - 1].n_out;
    if (r1 == slice.rows)
        for (idx j = r1 * n; j < round_up(r1 * n, LANES); j++) ws.y[j] = ws.share[j] = 0;
}

}  // namespace
}  // namespace chainrule
