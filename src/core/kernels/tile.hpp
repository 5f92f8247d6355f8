// tile.hpp: the register tile, MR rows by NV registers: C = start + sum_k A(i, k) B(k, :), k in
// order, so that an entry of C has the same bits whichever tile it falls in.
#pragma once

#include "vec.hpp"

namespace chainrule {
namespace {

// How the backward pass computes f': from a where that costs nothing, otherwise the forward pass
// stores it.
enum class Slope { one, of_relu, of_tanh, stored, mixed };

// A is read through pointers to rows and never gathered: A(i, k) = rows[i][at + k] in the forward
// and backward products, A(i, k) = rows[k][at + i] (Transposed) in the gradient's.
// start: (MR, .) with row stride start_ld (0: one row for all, the bias), or null for zero; and
// what is added at the end (Transposed), which lies as C does, or null.
// width: the columns of C; the last of the NV registers may be partial (Tail).
struct TileArguments {
    const real* const* rows;
    idx at, K;
    const real* B;
    idx B_ld;
    const real* start;
    idx start_ld;
    real* C;
    idx C_ld;
    idx width;
    const real* plus = nullptr;
    const real* const* ahead = nullptr;  // what to prefetch meanwhile: rows of A (Transposed),
    const real* next = nullptr;          // or a line of each row of B that follows
    bool relu = false;                   // C = max(C, 0)
    Slope slope = Slope::one;            // C = C f', from `slope_from`, which lies as C does
    const real* slope_from = nullptr;
    real* sums = nullptr;  // of B's columns (column_sums); with `plus`, added to
};

// da f', where `from` is a, or f' itself.
template <Slope slope>
INLINE V times_slope(V da, V from) {
    if constexpr (slope == Slope::of_relu) return from > 0 ? da : V{};
    else if constexpr (slope == Slope::of_tanh) return da * ((1 - from) * (1 + from));
    else if constexpr (slope == Slope::stored) return da * from;
    else return da;
}

// The v-th register of a row, of which the last may be partial.
template <int NV, bool Tail>
INLINE V read_column(const real* p, int v, idx width) {
    return Tail && v == NV - 1 ? load_first(p + v * LANES, width - v * LANES) : load(p + v * LANES);
}

template <int NV, bool Tail>
INLINE void write_row(real* p, const V (&row)[NV], idx width) {
    UNROLL_FOR (int v = 0; v < NV; v++) {
        if (Tail && v == NV - 1) store_first(p + v * LANES, row[v], width - v * LANES);
        else store(p + v * LANES, row[v]);
    }
}

// What a tile does alongside its product: it prefetches what follows; or it sums B's columns, in
// additions that are free where multiply-and-add is what it waits for. The sums must find
// registers: SUMS_MOST_NV.
enum class Alongside { nothing, prefetch, column_sums };
constexpr int SUMS_MOST_NV = MANY_REGISTERS ? 2 : 1;

// The sums of a tile: c = start + sum_k A(i, k) B(k, :).
template <int MR, int NV, bool Tail, bool Transposed, Alongside alongside>
INLINE void tile_sums(const TileArguments& t, V (&c)[MR][NV], V (&sums)[NV]) {
    const bool same = Transposed || !t.start || !t.start_ld;  // the rows begin alike
    UNROLL_FOR (int v = 0; v < NV; v++)
        c[0][v] = !Transposed && t.start ? read_column<NV, Tail>(t.start, v, t.width) : V{};
    if (same) {
        UNROLL_FOR (int i = 1; i < MR; i++)
            UNROLL_FOR (int v = 0; v < NV; v++) c[i][v] = c[0][v];
    } else {
        UNROLL_FOR (int i = 1; i < MR; i++)
            UNROLL_FOR (int v = 0; v < NV; v++)
                c[i][v] = read_column<NV, Tail>(t.start + i * t.start_ld, v, t.width);
    }
    const real* B = t.B;
    const idx K = t.K, B_ld = t.B_ld;
    const real* a[MR];
    if constexpr (!Transposed) {
        UNROLL_FOR (int i = 0; i < MR; i++) a[i] = t.rows[i] + t.at;
    }
    for (idx k = 0; k < K; k++, B += B_ld) {
        if constexpr (alongside == Alongside::prefetch)
            __builtin_prefetch(Transposed ? t.ahead[k] + t.at : t.next + k * B_ld, 0, 2);
        V b[NV];
        UNROLL_FOR (int v = 0; v < NV; v++) b[v] = read_column<NV, Tail>(B, v, t.width);
        if constexpr (alongside == Alongside::column_sums) {
            UNROLL_FOR (int v = 0; v < NV; v++) sums[v] += b[v];
        }
        const real* row = Transposed ? t.rows[k] + t.at : nullptr;
        UNROLL_FOR (int i = 0; i < MR; i++) {
            const V x = broadcast(Transposed ? row[i] : a[i][k]);
            UNROLL_FOR (int v = 0; v < NV; v++) c[i][v] += x * b[v];
        }
    }
}

template <int MR, int NV, bool Tail, bool Transposed, Alongside alongside = Alongside::nothing>
void tile(const TileArguments& t) {
    V c[MR][NV], sums[NV] = {};
    tile_sums<MR, NV, Tail, Transposed, alongside>(t, c, sums);
    real* const C = t.C;  // and what else a store could change for all that the compiler knows
    const idx C_ld = t.C_ld, width = t.width;
    if (Transposed && t.plus) {
        UNROLL_FOR (int i = 0; i < MR; i++)
            UNROLL_FOR (int v = 0; v < NV; v++)
                c[i][v] += read_column<NV, Tail>(t.plus + i * C_ld, v, width);
    }
    if (!Transposed && t.relu) {
        UNROLL_FOR (int i = 0; i < MR; i++)
            UNROLL_FOR (int v = 0; v < NV; v++) c[i][v] = relu(c[i][v]);
    }
    const auto slope = [&t, &c, C_ld, width](auto times) __attribute__((always_inline)) {
        UNROLL_FOR (int i = 0; i < MR; i++)
            UNROLL_FOR (int v = 0; v < NV; v++)
                c[i][v] = times(c[i][v], read_column<NV, Tail>(t.slope_from + i * C_ld, v, width));
    };
    if constexpr (!Transposed) {
        if (t.slope == Slope::of_relu) slope(times_slope<Slope::of_relu>);
        else if (t.slope == Slope::of_tanh) slope(times_slope<Slope::of_tanh>);
        else if (t.slope == Slope::stored) slope(times_slope<Slope::stored>);
    }
    UNROLL_FOR (int i = 0; i < MR; i++) write_row<NV, Tail>(C + i * C_ld, c[i], width);
    if constexpr (alongside == Alongside::column_sums) {
        if (t.plus) {
            UNROLL_FOR (int v = 0; v < NV; v++) sums[v] += read_column<NV, Tail>(t.sums, v, width);
        }
        write_row<NV, Tail>(t.sums, sums, width);
    }
}

using Tile = void (*)(const TileArguments&);

INLINE int registers_of(idx width) { return (int)((width + LANES - 1) / LANES); }

// The most rows of a tile of NV registers: MR * NV accumulators, NV of B and one of A must fit.
constexpr int most_rows(int NV) { return MANY_REGISTERS ? (NV <= 2 ? 8 : 6) : (NV == 1 ? 8 : 6); }
// How many are best for a product of K steps: a short tile's beginning and end count, and those of
// 16 sums overlap with the tile before; a long one reads less of B with more rows.
INLINE idx best_rows(int NV, idx K) {
    return MANY_REGISTERS && NV == 4 && K <= 128 ? 4 : most_rows(NV);
}
INLINE idx best_tiles(idx rows, int NV, idx K) {
    const idx best = best_rows(NV, K);
    return (rows + best - 1) / best;
}
constexpr int MOST_NV = MANY_REGISTERS ? 4 : 2;

template <int NV, bool Tail, bool Transposed, Alongside alongside = Alongside::nothing>
Tile tile_of_rows(int rows) {
#define CHAINRULE_ROWS(MR)                                                                   \
    case MR:                                                                                 \
        if constexpr (MR <= most_rows(NV)) return tile<MR, NV, Tail, Transposed, alongside>; \
        break;
    switch (rows) {
        CHAINRULE_ROWS(1)
        CHAINRULE_ROWS(2)
        CHAINRULE_ROWS(3)
        CHAINRULE_ROWS(4)
        CHAINRULE_ROWS(5)
        CHAINRULE_ROWS(6)
        CHAINRULE_ROWS(7)
        CHAINRULE_ROWS(8)
    }
#undef CHAINRULE_ROWS
    return nullptr;
}

template <bool Tail, bool Transposed>
Tile tile_of(int rows, int NV) {
    switch (NV) {
        case 1: return tile_of_rows<1, Tail, Transposed>(rows);
        case 2: return tile_of_rows<2, Tail, Transposed>(rows);
#if VBYTES == 64 || defined(__aarch64__)
        case 3: return tile_of_rows<3, Tail, Transposed>(rows);
        case 4: return tile_of_rows<4, Tail, Transposed>(rows);
#endif
    }
    return nullptr;
}

// The same of a whole panel, for what lies far.
template <bool Transposed>
Tile far_tile_of(int rows) {
    return tile_of_rows<MOST_NV, false, Transposed, Alongside::prefetch>(rows);
}

// The gradient's of at most SUMS_MOST_NV registers, with sums alongside.
template <bool Tail>
Tile summing_tile_of(int rows, int NV) {
    return NV == 1 ? tile_of_rows<1, Tail, true, Alongside::column_sums>(rows)
                   : tile_of_rows<SUMS_MOST_NV, Tail, true, Alongside::column_sums>(rows);
}

}  // namespace
}  // namespace chainrule
