// product.hpp: products of matrices out of register tiles, and what is done to a tile while it is
// still in the first-level cache.
#pragma once

#include "tile.hpp"

// Called with the tile rows [i, i + rows) x columns [j, j + width) of C.
struct Epilogue {
    void (*apply)(const Epilogue&, idx i, idx rows, idx j, idx width) = nullptr;
    const void* context = nullptr;
};

struct Product {
    const real* const* rows;  // A's rows
    idx at;                   // first column of A
    idx M, K, N;
    const real* B;  // panel by panel: see `panel_width`
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

// A matrix (K, N) in panels of PANEL columns: the first at 0, the next at K * PANEL, and so on, each
// row-major. A product reads a panel in one piece, and threads that share panels share no line.
INLINE idx panel_width(idx N, idx panel) {
    const idx left = N - panel * PANEL;
    return left < PANEL ? left : PANEL;
}

// Registers that an epilogue takes at once, where there are as many: so many fill its pipeline.
constexpr idx EPILOGUE = 32;

// One panel of the product, by tiles of its rows: `high` ones first, then those of a row less.
static void panel_product(const Product& p, const Epilogue& epilogue, idx j) {
    const idx width = panel_width(p.N, j / PANEL);
    const int NV = (int)((width + LANES - 1) / LANES);
    const bool tail = width % LANES != 0 && !p.padded;
    const idx best = best_rows(NV, p.K), tiles = (p.M + best - 1) / best;
    const auto tile_for = tail ? tile_of<true, false> : tile_of<false, false>;
    TileArguments t = {p.rows, p.at, p.K, p.B + j * p.K, p.padded ? padded(width) : width,
                       p.start ? p.start + j : nullptr, p.start_ld, p.C + j, p.C_ld, width, nullptr, nullptr,
                       p.relu, p.slope, p.slope_from ? p.slope_from + j : nullptr};
    idx i = 0, done = 0;
    for (idx left = tiles; left > 0; ) {
        const idx high = (p.M - i + left - 1) / left;
        const Tile run = tile_for((int)high, NV);
        for (idx same = (p.M - i) - left * (high - 1); same > 0; same--, left--) {
            run(t);
            i += high;
            t.rows += high;
            t.C += high * p.C_ld;
            if (t.start) t.start += high * p.start_ld;
            if (t.slope_from) t.slope_from += high * p.C_ld;
            if (epilogue.apply && ((i - done) * NV >= EPILOGUE || i == p.M)) {
                epilogue.apply(epilogue, done, i - done, j, width);
                done = i;
            }
        }
    }
}

// C (M, N) = start + A B, panel by panel.
static void product(const Product& p, const Epilogue& epilogue) {
    for (idx j = 0; j < p.N; j += PANEL) panel_product(p, epilogue, j);
}
