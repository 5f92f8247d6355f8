// differences.hpp: J of samples that have one z moved each, for the numerical check of gradients:
// the column that moves, what it adds to the layer above, the layers further up, the cost. With a
// move of 0 a row comes to the cached J by the same operations. In float64 alone.
#pragma once

#include <cstddef>
#include <cstdint>

#include "../core.hpp"
#include "../tables.hpp"
#include "activations.hpp"
#include "affine_outputs.hpp"
#include "partition.hpp"
#include "perturbed_cost.hpp"

namespace chainrule {
namespace {

std::size_t differences_scratch(const Stage* stages, idx depth, idx rows) {
    return lay_out_perturbations(stages, depth, rows, nullptr, nullptr);
}

#if REAL_IS_FLOAT
void differences(const Perturbations&, idx, idx, void*) {}
void own_outputs(const Stage&, idx, double*) {}
#else

INLINE bool any(I lanes) {
    integer bits = 0;
    UNROLL_FOR (idx i = 0; i < LANES; i++) bits |= lanes[i];
    return bits != 0;
}

// f'(0), along which a z that stands on the kink is followed: the slope on the left.
real slope_at_kink(const Stage& s) {
    alignas(64) real za[LANES] = {}, df[LANES];
    activate_of(s.f)(za, df, LANES, (real)s.setting);
    return df[0];
}

// a = f(z) of `rows` rows, in place.
void activate_rows(const Stage& s, real* z, idx rows, idx ld) {
    if ((Activation)s.f == Activation::softmax)
        for (idx r = 0; r < rows; r++) softmax_forward(z + r * ld, s.n_out);
    else activate_of(s.f)(z, nullptr, padded(rows * ld), (real)s.setting);
}

// What the kernels themselves make of the cached z: changes are counted from there.
void own_outputs(const Stage& s, idx samples, double* a) {
    for (idx i = 0; i < samples * s.n_out; i++) a[i] = s.z[i];
    if ((Activation)s.f == Activation::softmax)
        for (idx i = 0; i < samples; i++) softmax_forward(a + i * s.n_out, s.n_out);
    else activate_exactly(activate_of(s.f), a, samples * s.n_out, (real)s.setting);
}

INLINE void meet(const Perturbations& m, idx row, idx layer, idx unit) {
    if (m.where[2 * row] == 0) {
        m.where[2 * row] = (std::int32_t)(layer + 1);
        m.where[2 * row + 1] = (std::int32_t)unit;
    }
    m.flags[row] |= MET;
}

// The column that moves, z + by: a - a0 in s.column, and which rows meet a kink or stand still.
void perturb_column(const Perturbations& m, const PerturbationScratch& s, idx first, idx rows) {
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
            if (stage.kinked && z0 == 0) s.column[r] = stage.kernel_a[at] + slope * z;
            if (stage.bends && (crossed || z0 == 0)) m.flags[row] |= BENT;
        }
        real change = s.column[r] - stage.kernel_a[at];
        if (change == 0 && stage.a[at] == 0) m.flags[row] |= STILL;
        if (stage.mask) {
            change *= stage.mask[at];
            if (stage.mask[at] == 0) m.flags[row] |= STILL;
        }
        s.column[r] = change;
    }
}

// z of layer `l` for rows whose column below has changed: z0 + change * W[:, unit].
void add_column(const Perturbations& m, const PerturbationScratch& s, idx l, real* z, idx ld,
                idx first, idx rows) {
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
void watch_row(const Perturbations& m, idx l, const real* z, idx row) {
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
void activate_perturbed(const Perturbations& m, const PerturbationScratch& s, idx l, real* z,
                        idx ld, idx first, idx rows) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    if (stage.kinked || stage.bends)
        for (idx r = 0; r < rows; r++) watch_row(m, l, z + r * ld, first + r);
    if (!stage.kinked) return activate_rows(stage, z, rows, ld);
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
                if (stage.z[at + j] == 0) a[j] = stage.kernel_a[at + j] + slope * s.spare[j];
        if (!m.careful) continue;
        for (idx j = 0; j < n && dead; j++) dead = a[j] == 0 && stage.a[at + j] == 0;
        if (dead) m.flags[first + r] |= STILL;
    }
}

void mask_perturbed(const Perturbations& m, idx l, real* a, idx ld, idx first, idx rows) {
    const Stage& stage = m.stages[l];
    const idx n = stage.n_out;
    if (!stage.mask) return;
    for (idx r = 0; r < rows; r++) {
        const real* mask = stage.mask + m.samples[first + r] * n;
        for (idx j = 0; j < n; j += LANES)
            write_part(a + r * ld + j,
                       read_part(a + r * ld + j, n - j) * read_part(mask + j, n - j), n - j);
    }
}

void differences(const Perturbations& m, idx first, idx rows, void* scratch) {
    PerturbationScratch s;
    lay_out_perturbations(m.stages, m.depth, rows, static_cast<char*>(scratch), &s);
    const idx L = m.depth;
    for (idx r = first; r < first + rows; r++) {
        m.flags[r] = 0;
        m.where[2 * r] = m.where[2 * r + 1] = 0;
    }
    const bool column = m.layer < L - 1 && (Activation)m.stages[m.layer].f != Activation::softmax;
    idx l = column ? m.layer + 1 : m.layer;
    real *z = s.z[0], *next = s.z[1];
    idx ld = perturbed_ld(m.stages, L, l);
    for (idx j = 0; j < padded(rows * ld); j++) z[j] = 0;
    if (column) {
        perturb_column(m, s, first, rows);
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
        activate_perturbed(m, s, l, z, ld, first, rows);
        mask_perturbed(m, l, z, ld, first, rows);
        const Stage& above = m.stages[l + 1];
        const idx wide = perturbed_ld(m.stages, L, l + 1);
        for (idx j = 0; j < padded(rows * wide); j++) next[j] = 0;
        for (idx r = 0; r < rows; r++) s.rows[r] = z + r * ld;
        affine(s.rows, rows, above.n_in, above.n_out, above.W, above.b, next, wide, false);
        real* const swapped = z;
        z = next;
        next = swapped;
        ld = wide;
    }
    if (!m.canonical) activate_perturbed(m, s, L - 1, z, ld, first, rows);
    perturbed_cost(m, s, z, first, rows);
}
#endif

}  // namespace
}  // namespace chainrule
