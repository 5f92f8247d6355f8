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
    const real* const* rows;  // A's rows: M of them, or K if transposed
    idx at;                   // first column of A
    idx M, K, N;
    const real* B;
    idx B_ld;
    const real* start;  // null, or the bias (start_ld 0), or C itself, to add to it
    idx start_ld;
    real* C;
    idx C_ld;
    bool relu;
    bool B_padded;  // B's and C's rows can be read and written up to a whole register
};

// C (M, N) = start + A B. Panels of up to MOST_NV registers of columns, tiles of rows within them.
template <bool Transposed>
static void product(const Product& p, const Epilogue& epilogue) {
    constexpr idx PANEL = MOST_NV * LANES;
    for (idx j = 0; j < p.N; j += PANEL) {
        const idx width = p.N - j < PANEL ? p.N - j : PANEL;
        const int NV = (int)((width + LANES - 1) / LANES);
        const bool tail = width % LANES != 0 && !p.B_padded;
        const idx most = most_rows(NV), tiles = (p.M + most - 1) / most;
        idx i = 0;
        for (idx n = 0; n < tiles; n++) {
            const idx next = p.M * (n + 1) / tiles, rows = next - i;
            const Tile run = tail ? tile_of<true, Transposed>((int)rows, NV)
                                  : tile_of<false, Transposed>((int)rows, NV);
            TileArguments t;
            t.rows = Transposed ? p.rows : p.rows + i;
            t.at = Transposed ? p.at + i : p.at;
            t.K = p.K;
            t.B = p.B + j;
            t.B_ld = p.B_ld;
            t.start = p.start ? p.start + i * p.start_ld + j : nullptr;
            t.start_ld = p.start_ld;
            t.C = p.C + i * p.C_ld + j;
            t.C_ld = p.C_ld;
            t.width = width;
            t.relu = p.relu;
            run(t);
            if (epilogue.apply) epilogue.apply(epilogue, i, rows, j, width);
            i = next;
        }
    }
}
