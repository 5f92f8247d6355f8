// differences.hpp: J of samples that have one z moved each, for the numerical check of gradients: the
// column that moves, what it adds to the layer above, the layers further up, the cost. With a move of
// 0 a row comes to the cached J by the same operations. In float64 alone.
#pragma once

#include "outputs.hpp"

struct MovesScratch {
    real* z[2];  // (rows, ld), of the layers by turns
    real *column, *spare, *y, *sums, *rest;
    const real** rows;
};

// The row length of a layer's z: the last one has no gaps, so that the cost takes its entries in one.
INLINE idx move_ld(const Stage* stages, idx depth, idx l) {
    return l == depth - 1 ? stages[l].n_out : row_length(stages[l].n_out);
}

static std::size_t lay_out_moves(const Stage* stages, idx depth, idx rows, char* base,
                                 MovesScratch* s) {
    Arena arena = {base, 0};
    idx ld = 0;
    for (idx l = 0; l < depth; l++)
        if (row_length(stages[l].n_out) > ld) ld = row_length(stages[l].n_out);
    const idx top = round_up(rows * stages[depth - 1].n_out, LANES);
    MovesScratch found = {};
    for (real*& z : found.z) z = arena.take<real>(round_up(rows * ld, LANES));
    found.column = arena.take<real>(round_up(rows, LANES));
    found.spare = arena.take<real>(ld);
    found.y = arena.take<real>(top);
    found.sums = arena.take<real>(round_up(rows, LANES));
    found.rest = arena.take<real>(round_up(rows, LANES));
    found.rows = arena.take<const real*>(rows);
    if (s) *s = found;
    return arena.used;
}

std::size_t differences_scratch(const Stage* stages, idx depth, idx rows) {
    return lay_out_moves(stages, depth, rows, nullptr, nullptr);
}

#if REAL_IS_FLOAT
void differences(const Moves&, idx, idx, void*) {}
void own_outputs(const Stage&, idx, double*) {}
#else

INLINE bool any(I lanes) {
    integer found = 0;
    UNROLL for (idx i = 0; i < LANES; i++) found |= lanes[i];
    return found != 0;
}

// f'(0), along which a z that stands on the kink is followed: the slope on the left.
static real slope_at_kink(const Stage& s) {
    alignas(64) real za[LANES] = {}, df[LANES];
    activate_of(s.f)(za, df, LANES, (real)s.setting);
    return df[0];
}

// a = f(z) of `rows` rows, in place.
static void move_rows_on(const Stage& s, real* z, idx rows, idx ld) {
    if ((Activation)s.f == Activation::softmax)
        for (idx r = 0; r < rows; r++) softmax_forward(z + r * ld, s.n_out);
    else
        activate_of(s.f)(z, nullptr, padded(rows * ld), (real)s.setting);
}

// What the kernels themselves make of the cached z: changes are counted from there.
void own_outputs(const Stage& s, idx samples, double* a) {
    for (idx i = 0; i < samples * s.n_out; i++) a[i] = s.z[i];
    if ((Activation)s.f == Activation::softmax)
        for (idx i = 0; i < samples; i++) softmax_forward(a + i * s.n_out, s.n_out);
    else
        activate_exactly(activate_of(s.f), a, samples * s.n_out, (real)s.setting);
}

INLINE void meet(const Moves& m, idx row, idx layer, idx unit) {
    if (m.where[2 * row] == 0) {
        m.where[2 * row] = (std::int32_t)(layer + 1);
        m.where[2 * row + 1] = (std::int32_t)unit;
    }
    m.flags[row] |= MET;
}

// The column that moves, z + by: a - a0 in s.column, and which rows meet a kink or stand still.
static void move_column(const Moves& m, const MovesScratch& s, idx first, idx rows) {
    const Stage& stage = m.stages[m.layer];
    const idx n = stage.n_out;
    for (idx r = 0; r < rows; r++)
        s.column[r] = stage.z[m.samples[first + r] * n + m.units[first + r]] + m.by[first + r];
    for (idx r = rows; r < padded(rows); r++) s.column[r] = 0;
    const bool watched = stage.kinked || stage.bends;
    if (watched)
        for (idx r = 0; r < rows; r++) s.rest[r] = s.column[r];
    activate_of(stage.f)(s.column, nullptr, padded(rows), (real)stage.setting);
    const real slope = stage.kinked ? slope_at_kink(stage) : 0;
    for (idx r = 0; r < rows; r++) {
        const idx row = first + r, at = m.samples[row] * n + m.units[row];
        if (watched) {
            const real z = s.rest[r], z0 = stage.z[at];
            const bool crossed = (z > 0) != (z0 > 0);
            if (stage.kinked && crossed && z0 != 0) meet(m, row, m.layer, m.units[row]);
            if (stage.kinked && z0 == 0) s.column[r] = stage.own[at] + slope * z;
            if (stage.bends && (crossed || z0 == 0)) m.flags[row] |= BENT;
        }
        real change = s.column[r] - stage.own[at];
        if (change == 0 && stage.a[at] == 0) m.flags[row] |= STILL;
        if (stage.mask) {
            change *= stage.mask[at];
            if (stage.mask[at] == 0) m.flags[row] |= STILL;
        }
        s.column[r] = change;
    }
}

// z of layer `l` for rows whose column below has changed: z0 + change * W[:, unit].
static void add_column(const Moves& m, const MovesScratch& s, idx l, real* z, idx ld, idx first,
                       idx rows) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    for (idx r = 0; r < rows; r++) {
        const real* W = stage.W + m.units[first + r] * n;
        const real* z0 = stage.z + m.samples[first + r] * n;
        const real change = s.column[r];
        real* to = z + r * ld;
        if (n == 1) {
            *to = *z0 + change * *W;
            continue;
        }
        for (idx j = 0; j < n; j += LANES)
            write_part(to + j, read_part(z0 + j, n - j) + read_part(W + j, n - j) * change, n - j);
    }
}

// Which z of a row have crossed a kink or a bend.
static void watch_row(const Moves& m, idx l, const real* z, idx row) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    const real* z0 = stage.z + m.samples[row] * n;
    I crossed = {}, bent = {};
    for (idx j = 0; j < n; j += LANES) {
        const V now = read_part(z + j, n - j), then = read_part(z0 + j, n - j);
        const I sides = (now > 0) ^ (then > 0);
        crossed |= sides & (then != 0);
        if (stage.bends) {
            bent |= sides;
            for (idx i = j; i < n && i < j + LANES; i++) bent[0] |= z0[i] == 0;
        }
    }
    if (any(bent)) m.flags[row] |= BENT;
    if (!stage.kinked || !any(crossed)) return;
    for (idx j = 0; j < n; j++)
        if ((z[j] > 0) != (z0[j] > 0) && z0[j] != 0) return meet(m, row, l, j);
}

// a = f(z) of layer l, in place, along the kink's stated slope where the cached z stands on it.
static void move_layer(const Moves& m, const MovesScratch& s, idx l, real* z, idx ld, idx first,
                       idx rows) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    if (stage.kinked || stage.bends)
        for (idx r = 0; r < rows; r++) watch_row(m, l, z + r * ld, first + r);
    if (!stage.kinked) return move_rows_on(stage, z, rows, ld);
    const real slope = slope_at_kink(stage);
    const auto f = activate_of(stage.f);
    for (idx r = 0; r < rows; r++) {
        const idx at = m.samples[first + r] * n;
        real* a = z + r * ld;
        bool dead = true;
        if (stage.pinned)
            for (idx j = 0; j < n; j++) s.spare[j] = a[j];
        activate_exactly(f, a, n, (real)stage.setting);
        if (stage.pinned)
            for (idx j = 0; j < n; j++)
                if (stage.z[at + j] == 0) a[j] = stage.own[at + j] + slope * s.spare[j];
        if (!m.careful) continue;
        for (idx j = 0; j < n && dead; j++) dead = a[j] == 0 && stage.a[at + j] == 0;
        if (dead) m.flags[first + r] |= STILL;
    }
}

static void move_masked(const Moves& m, idx l, real* a, idx ld, idx first, idx rows) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    if (!stage.mask) return;
    for (idx r = 0; r < rows; r++) {
        const real* mask = stage.mask + m.samples[first + r] * n;
        for (idx j = 0; j < n; j += LANES)
            write_part(a + r * ld + j, read_part(a + r * ld + j, n - j) * read_part(mask + j, n - j),
                       n - j);
    }
}

// J of rows of classes, from z: log sum_j exp(z_j - max z) - sum_j y_j (z_j - max z).
static void cross_entropy_moved(real* z, const MovesScratch& s, idx rows, idx n, real* J) {
    for (idx r = 0; r < rows; r++) {
        real* row = z + r * n;
        const real* y = s.y + r * n;
        real most = row[0], rest = 0;
        for (idx j = 1; j < n; j++) most = row[j] > most || row[j] != row[j] ? row[j] : most;
        for (idx j = 0; j < n; j++) {
            row[j] -= most;
            rest += y[j] > 0 ? y[j] * row[j] : 0;
        }
        s.rest[r] = rest;
    }
    for (idx j = 0; j < padded(rows * n); j += LANES) store(z + j, exp(load(z + j)));
    for (idx r = 0; r < rows; r++) {
        real sum = 0;
        for (idx j = 0; j < n; j++) sum += z[r * n + j];
        s.sums[r] = sum;
    }
    for (idx r = 0; r < rows; r += LANES)
        write_part(J + r, log(read_part(s.sums + r, rows - r)) - read_part(s.rest + r, rows - r),
                   rows - r);
}

// Each entry's part of J in place of a (or z): n entries, in whole registers.
using Parts = void (*)(real* za, const real* y, idx n, real setting);
template <Cost c, bool canonical>
static void parts(real* za, const real* y, idx n, real setting) {
    V other;
    for (idx j = 0; j < n; j += LANES) {
        if constexpr (canonical) store(za + j, cost_from_z<c>(load(za + j), load(y + j), other));
        else store(za + j, cost<c>(load(za + j), load(y + j), setting, other));
    }
}
static Parts parts_of(int c, bool canonical) {
    if (canonical) {
        switch ((Cost)c) {
            case Cost::logistic: return parts<Cost::logistic, true>;
            case Cost::squared_error: return parts<Cost::squared_error, true>;
            default: return parts<Cost::poisson, true>;
        }
    }
    switch ((Cost)c) {
#define CHAINRULE_CASE(name, settings) case Cost::name: return parts<Cost::name, false>;
        CHAINRULE_COSTS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return nullptr;
}

// What of the cost has a kink or a bend: entries that cross it, and those that stand on it, which stay.
static void watch_cost(const Moves& m, real* a, idx first, idx rows) {
    if (m.kink_count + m.bend_count == 0) return;
    const Stage& top = m.stages[m.depth - 1];
    const idx n = top.n_out;
    for (idx r = 0; r < rows; r++) {
        const idx row = first + r, at = m.samples[row] * n;
        for (idx j = 0; j < n; j++) {
            const real y = m.Y[at + j], d = a[r * n + j] - y, d0 = top.a[at + j] - y;
            for (idx k = 0; k < m.bend_count; k++)
                if ((d > m.bends[k]) != (d0 > m.bends[k]) || d0 == m.bends[k]) m.flags[row] |= BENT;
            for (idx k = 0; k < m.kink_count; k++) {
                if (d0 == m.kinks[k]) {
                    a[r * n + j] = top.a[at + j] + 0 * (a[r * n + j] - top.a[at + j]);  // NaN if infinite
                } else if ((d > m.kinks[k]) != (d0 > m.kinks[k])) {
                    m.flags[row] |= MET;
                }
            }
        }
    }
}

static void move_cost(const Moves& m, const MovesScratch& s, real* z, idx first, idx rows) {
    const Stage& top = m.stages[m.depth - 1];
    const idx n = top.n_out, entries = rows * n;
    for (idx r = 0; r < rows; r++) {
        const real* y = m.Y + m.samples[first + r] * n;
        for (idx j = 0; j < n; j++) s.y[r * n + j] = y[j];
    }
    for (idx j = entries; j < padded(entries); j++) s.y[j] = z[j] = 0;
    real* J = m.J + first;
    if (m.canonical && (Cost)m.cost == Cost::cross_entropy) return cross_entropy_moved(z, s, rows, n, J);
    if (!m.canonical) watch_cost(m, z, first, rows);
    parts_of(m.cost, m.canonical)(z, s.y, padded(entries), (real)m.cost_setting);
    for (idx r = 0; r < rows; r++) {
        real sum = z[r * n];
        for (idx j = 1; j < n; j++) sum += z[r * n + j];
        J[r] = sum;
    }
}

void differences(const Moves& m, idx first, idx rows, void* scratch) {
    MovesScratch s;
    lay_out_moves(m.stages, m.depth, rows, static_cast<char*>(scratch), &s);
    const idx L = m.depth;
    for (idx r = first; r < first + rows; r++) {
        m.flags[r] = 0;
        m.where[2 * r] = m.where[2 * r + 1] = 0;
    }
    const bool column = m.layer < L - 1 && (Activation)m.stages[m.layer].f != Activation::softmax;
    idx l = column ? m.layer + 1 : m.layer;
    real *z = s.z[0], *next = s.z[1];
    idx ld = move_ld(m.stages, L, l);
    for (idx j = 0; j < padded(rows * ld); j++) z[j] = 0;
    if (column) {
        move_column(m, s, first, rows);
        add_column(m, s, l, z, ld, first, rows);
    } else {
        const Stage& stage = m.stages[l];
        for (idx r = 0; r < rows; r++) {
            const real* z0 = stage.z + m.samples[first + r] * stage.n_out;
            for (idx j = 0; j < stage.n_out; j++) z[r * ld + j] = z0[j];
            z[r * ld + m.units[first + r]] += m.by[first + r];
        }
    }
    for (; l < L - 1; l++) {
        move_layer(m, s, l, z, ld, first, rows);
        move_masked(m, l, z, ld, first, rows);
        const Stage& above = m.stages[l + 1];
        const idx wide = move_ld(m.stages, L, l + 1);
        for (idx j = 0; j < padded(rows * wide); j++) next[j] = 0;
        for (idx r = 0; r < rows; r++) s.rows[r] = z + r * ld;
        affine(s.rows, rows, above.n_in, above.n_out, above.W, above.b, next, wide, false);
        real* const swapped = z;
        z = next;
        next = swapped;
        ld = wide;
    }
    if (!m.canonical) move_layer(m, s, L - 1, z, ld, first, rows);
    move_cost(m, s, z, first, rows);
}
#endif
