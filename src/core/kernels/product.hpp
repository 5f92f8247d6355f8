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

// C (M, N) = start + A B. Panel by panel, tiles of rows within them.
static void product(const Product& p, const Epilogue& epilogue) {
    for (idx j = 0; j < p.N; j += PANEL) {
        const idx width = panel_width(p.N, j / PANEL);
        const int NV = (int)((width + LANES - 1) / LANES);
        const bool tail = width % LANES != 0 && !p.padded;
        const idx most = most_rows(NV), tiles = (p.M + most - 1) / most;
        const idx B_ld = p.padded ? padded(width) : width;
        for (idx n = 0, i = 0, next; n < tiles; n++, i = next) {
            next = p.M * (n + 1) / tiles;
            const Tile run = tail ? tile_of<true, false>((int)(next - i), NV)
                                  : tile_of<false, false>((int)(next - i), NV);
            const idx at = i * p.C_ld + j;
            run({p.rows + i, p.at, p.K, p.B + j * p.K, B_ld,
                 p.start ? p.start + i * p.start_ld + j : nullptr, p.start_ld, p.C + at, p.C_ld, width,
                 nullptr, nullptr, p.relu, p.slope, p.slope_from ? p.slope_from + at : nullptr});
            if (epilogue.apply) epilogue.apply(epilogue, i, next - i, j, width);
        }
    }
}
