// perturbed_cost.hpp: J of samples that have one z moved each, from their z^L or a^L. In float64
// alone.
#pragma once

#include <cstddef>

#include "../core.hpp"
#include "../tables.hpp"
#include "arena.hpp"
#include "costs.hpp"
#include "partition.hpp"
#include "vmath.hpp"

namespace chainrule {
namespace {

struct PerturbationScratch {
    real* z[2];  // (rows, ld), of the layers by turns
    real *column, *spare, *y, *sums, *rest;
    const real** rows;
};

// The row length of a layer's z: the last one has no gaps, so that the cost takes its entries in
// one.
INLINE idx perturbed_ld(const Stage* stages, idx depth, idx l) {
    return l == depth - 1 ? stages[l].n_out : row_length(stages[l].n_out);
}

std::size_t lay_out_perturbations(const Stage* stages, idx depth, idx rows, char* base,
                                  PerturbationScratch* to) {
    Arena arena = {.base = base, .used = 0};
    idx ld = 0;
    for (idx l = 0; l < depth; l++)
        if (row_length(stages[l].n_out) > ld) ld = row_length(stages[l].n_out);
    const idx top = round_up(rows * stages[depth - 1].n_out, LANES);
    PerturbationScratch scratch = {};
    for (real*& z : scratch.z) z = arena.take<real>(round_up(rows * ld, LANES));
    scratch.column = arena.take<real>(round_up(rows, LANES));
    scratch.spare = arena.take<real>(ld);
    scratch.y = arena.take<real>(top);
    scratch.sums = arena.take<real>(round_up(rows, LANES));
    scratch.rest = arena.take<real>(round_up(rows, LANES));
    scratch.rows = arena.take<const real*>(rows);
    if (to) *to = scratch;
    return arena.used;
}

#if !REAL_IS_FLOAT

// J of rows of classes, from z: log sum_j exp(z_j - max z) - sum_j y_j (z_j - max z).
void cross_entropy_of_rows(real* z, const PerturbationScratch& s, idx rows, idx n, real* J) {
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
void parts(real* za, const real* y, idx n, real setting) {
    V other;
    for (idx j = 0; j < n; j += LANES) {
        if constexpr (canonical) store(za + j, cost_from_z<c>(load(za + j), load(y + j), other));
        else store(za + j, cost<c>(load(za + j), load(y + j), setting, other));
    }
}
Parts parts_of(int c, bool canonical) {
    if (canonical) {
        switch ((Cost)c) {
#define CHAINRULE_CASE(output, name)                                                      \
    case Cost::name:                                                                      \
        if constexpr (is_elementwise(Activation::output)) return parts<Cost::name, true>; \
        break;
            CHAINRULE_CANONICAL_PAIRS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
            default: break;
        }
        return nullptr;
    }
    switch ((Cost)c) {
#define CHAINRULE_CASE(name, settings) \
    case Cost::name: return parts<Cost::name, false>;
        CHAINRULE_COSTS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return nullptr;
}

// What of the cost has a kink or a bend: entries that cross it, and those that stand on it, which
// stay.
void watch_cost(const Perturbations& m, real* a, idx first, idx rows) {
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
                    a[r * n + j] =
                        top.a[at + j] + 0 * (a[r * n + j] - top.a[at + j]);  // NaN if infinite
                } else if ((d > m.kinks[k]) != (d0 > m.kinks[k])) {
                    m.flags[row] |= MET;
                }
            }
        }
    }
}

void perturbed_cost(const Perturbations& m, const PerturbationScratch& s, real* z, idx first,
                    idx rows) {
    const Stage& top = m.stages[m.depth - 1];
    const idx n = top.n_out, entries = rows * n;
    for (idx r = 0; r < rows; r++) {
        const real* y = m.Y + m.samples[first + r] * n;
        for (idx j = 0; j < n; j++) s.y[r * n + j] = y[j];
    }
    for (idx j = entries; j < padded(entries); j++) s.y[j] = z[j] = 0;
    real* J = m.J + first;
    if (m.canonical && (Cost)m.cost == Cost::cross_entropy)
        return cross_entropy_of_rows(z, s, rows, n, J);
    if (!m.canonical) watch_cost(m, z, first, rows);
    parts_of(m.cost, m.canonical)(z, s.y, padded(entries), (real)m.cost_setting);
    for (idx r = 0; r < rows; r++) {
        real sum = z[r * n];
        for (idx j = 1; j < n; j++) sum += z[r * n + j];
        J[r] = sum;
    }
}

#endif

}  // namespace
}  // namespace chainrule
