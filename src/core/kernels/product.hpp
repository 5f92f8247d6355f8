// product.hpp: products of matrices out of register tiles, and what is done to a tile while it is
// still in the first-level cache.
#pragma once

#include "tile.hpp"

namespace chainrule {
namespace {

// Called with the tile rows [i, i + rows) x columns [j, j + width) of C.
struct Epilogue {
    void (*apply)(const Epilogue&, idx i, idx rows, idx j, idx width) = nullptr;
    const void* context = nullptr;
};

struct Product {
    const real* const* rows;  // A's rows
    idx at;                   // first column of A
    idx M, K, N;
    const real* B;      // panel by panel: see `panel_width`
    const real* start;  // null, or the bias (start_ld 0), or C itself, to add to it
    idx start_ld;
    real* C;
    idx C_ld;
    bool relu;
    Slope slope;             // see tile.hpp
    const real* slope_from;  // of C's rows
    bool padded;             // B's and C's rows can be read and written up to a whole register
};

constexpr idx PANEL = MOST_NV * LANES;

// A matrix (K, N) in panels of PANEL columns: the first at 0, the next at K * PANEL, and so on,
// each row-major. A product reads a panel in one piece, and threads that share panels share no
// line.
INLINE idx panel_width(idx N, idx panel) {
    const idx left = N - panel * PANEL;
    return left < PANEL ? left : PANEL;
}

// Registers that an epilogue takes at once, where there are enough: 32 fill its pipeline.
constexpr idx EPILOGUE = 32;

// A long panel of B is taken DEPTH rows at a time, which the second cache keeps for all tiles;
// where B is more than that cache keeps from step to step, tiles ask for the rows that follow, each
// for a line of every row.
constexpr idx DEPTH = 512, KEPT = (512 << 10) / (idx)sizeof(real);

// M rows of a panel of C, columns j and after, by tiles: the high ones first, then those of a row
// less. t moves on.
INLINE void panel_tiles(TileArguments& t, idx M, bool tail, bool far, const Epilogue& epilogue,
                        idx j) {
    const int NV = registers_of(t.width);
    const auto tile_for = tail ? tile_of<true, false> : tile_of<false, false>;
    const idx lines = far && t.width == PANEL ? PANEL * (idx)sizeof(real) / 64 : 0;
    const real* const behind = t.B + t.K * t.B_ld;
    idx i = 0, done = 0, line = 0;
    for (idx left = best_tiles(M, NV, t.K); left > 0;) {
        const idx high = (M - i + left - 1) / left;
        const Tile run = tile_for((int)high, NV);
        for (idx same = (M - i) - left * (high - 1); same > 0; same--, left--) {
            if (line < lines) {
                t.next = behind + line++ * 64 / (idx)sizeof(real);
                far_tile_of<false>((int)high)(t);
            } else {
                run(t);
            }
            i += high;
            t.rows += high;
            t.C += high * t.C_ld;
            if (t.start) t.start += high * t.start_ld;
            if (t.slope_from) t.slope_from += high * t.C_ld;
            if (epilogue.apply && ((i - done) * NV >= EPILOGUE || i == M)) {
                epilogue.apply(epilogue, done, i - done, j, t.width);
                done = i;
            }
        }
    }
}

// A panel of the product, piece by piece of K: an entry's sum goes on where it was left.
void panel_product(const Product& p, const Epilogue& epilogue, idx j) {
    const idx width = panel_width(p.N, j / PANEL);
    const bool tail = width % LANES != 0 && !p.padded, large = p.K * p.N > KEPT;
    TileArguments t = {p.rows,
                       p.at,
                       p.K,
                       p.B + j * p.K,
                       p.padded ? padded(width) : width,
                       p.start ? p.start + j : nullptr,
                       p.start_ld,
                       p.C + j,
                       p.C_ld,
                       width};
    for (idx k = 0; k < p.K; k += t.K) {
        t.K = !large || p.K - k < 2 * DEPTH ? p.K - k : DEPTH;
        const bool last = k + t.K == p.K;
        if (last) {
            t.relu = p.relu;
            t.slope = p.slope;
            t.slope_from = p.slope_from ? p.slope_from + j : nullptr;
        }
        panel_tiles(t, p.M, tail, large, last ? epilogue : Epilogue{}, j);
        if (last) break;
        t.rows = p.rows;
        t.C = p.C + j;
        t.at += t.K;
        t.B += t.K * t.B_ld;
        t.start = t.C;
        t.start_ld = t.C_ld;
    }
}

// C (M, N) = start + A B, panel by panel.
void product(const Product& p, const Epilogue& epilogue) {
    for (idx j = 0; j < p.N; j += PANEL) panel_product(p, epilogue, j);
}

}  // namespace
}  // namespace chainrule
