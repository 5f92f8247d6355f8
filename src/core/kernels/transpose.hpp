// transpose.hpp: lanes of several registers woven together: W^T to W, block by block, and sums over
// lanes.
#pragma once

#include <utility>

#include "vec.hpp"

namespace chainrule {
namespace {

// Registers a and b, lanes taken alternately in runs of `run`: a's first run, b's first run, ... of
// the lower half of every pair of runs (second = 0) or of the upper half (second = 1).
template <int run, int second>
INLINE V weave(V a, V b) {
    constexpr auto lanes = []<integer... i>(std::integer_sequence<integer, i...>) {
        constexpr integer half = second ? run : 0;
        return std::integer_sequence<integer,
                                     ((i & ~run) | half) + ((i & run) ? (integer)LANES : 0)...>{};
    }(std::make_integer_sequence<integer, LANES>{});
    return pick(a, b, lanes);
}

// LANES registers whose lanes are S parts each of LANES / S sums: then x[S * m] holds the m-th sum
// of every register, each in its lane. S = 1 is the transpose; S = LANES the sum of all lanes.
template <int S, int run = 1, int end = LANES>
INLINE void weave_all(V (&x)[LANES]) {
    if constexpr (run < end) {
        UNROLL_FOR (int i = 0; i < LANES; i++) {
            if (i & run || i % (run < S ? run : S)) continue;
            const V lower = weave<run, 0>(x[i], x[i | run]),
                    upper = weave<run, 1>(x[i], x[i | run]);
            x[i] = run < S ? lower + upper : lower;
            if (run >= S) x[i | run] = upper;
        }
        weave_all<S, run * 2, end>(x);
    }
}

// The sum of x[k]'s lanes in lane k.
INLINE V totals(V (&x)[LANES]) {
    weave_all<LANES>(x);
    return x[0];
}

// A whole block of LANES rows and columns: reads by pieces do the work of weaving long runs. As a
// function of its own its addresses find registers.
__attribute__((noinline)) void transpose_block(const real* from, idx from_ld, real* to, idx to_ld) {
    V x[LANES];
    UNROLL_FOR (int i = 0; i < LANES; i++)
        x[i] = load_pieces(from + i % PIECE * from_ld + i / PIECE * PIECE, PIECE * from_ld);
    weave_all<1, 1, PIECE>(x);
    UNROLL_FOR (int j = 0; j < LANES; j++) store(to + j * to_ld, x[j]);
}

// to[j * to_ld + i] = from[i * from_ld + j] for i < rows, j < columns.
void transpose(const real* from, idx from_ld, idx rows, idx columns, real* to, idx to_ld) {
    if ((columns == 1 && from_ld == 1) || (rows == 1 && to_ld == 1)) {
        const idx n = rows == 1 ? columns : rows;
        for (idx i = 0; i < n; i++) to[i] = from[i];
        return;
    }
    for (idx i = 0; i < rows; i += LANES)
        for (idx j = 0; j < columns; j += LANES) {
            const idx high = rows - i < LANES ? rows - i : LANES;
            const idx wide = columns - j < LANES ? columns - j : LANES;
            const real* p = from + i * from_ld + j;
            real* q = to + j * to_ld + i;
            V x[LANES];
            if (high == LANES && wide == LANES) {
                transpose_block(p, from_ld, q, to_ld);
                continue;
            }
            UNROLL_FOR (int r = 0; r < LANES; r++)
                x[r] = r < high ? load_first(p + r * from_ld, wide) : V{};
            weave_all<1>(x);
            UNROLL_FOR (int r = 0; r < LANES; r++)
                if (r < wide) store_first(q + r * to_ld, x[r], high);
        }
}

}  // namespace
}  // namespace chainrule
