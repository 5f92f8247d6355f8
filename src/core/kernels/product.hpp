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
    const real* B;
    idx B_ld;
    const real* start;  // null, or the bias (start_ld 0), or C itself, to add to it
    idx start_ld;
    real* C;
    idx C_ld;
    bool relu;
    Slope slope;             // see tile.hpp
    const real* slope_from;  // of C's rows
    bool B_padded;     // B's and C's rows can be read and written up to a whole register
    real* pack;        // (K, PANEL) to copy a panel of B to where its rows lie badly, or null
};

constexpr idx PANEL = MOST_NV * LANES;

// Rows of B that are a multiple of 4096 bytes apart all fall on the same few places of the caches.
INLINE bool lies_badly(idx ld) { return ld * (idx)sizeof(real) % 2048 == 0; }

// C (M, N) = start + A B. Panels of up to MOST_NV registers of columns, tiles of rows within them.
static void product(const Product& p, const Epilogue& epilogue) {
    const bool pack = p.pack && lies_badly(p.B_ld) && p.M >= 32 && p.K >= 64;
    for (idx j = 0; j < p.N; j += PANEL) {
        const idx width = p.N - j < PANEL ? p.N - j : PANEL;
        const int NV = (int)((width + LANES - 1) / LANES);
        const bool tail = width % LANES != 0 && !p.B_padded;
        const idx most = most_rows(NV), tiles = (p.M + most - 1) / most;
        const real* B = p.B + j;
        idx B_ld = p.B_ld, i = 0;
        if (pack && width == PANEL) {
            for (idx k = 0; k < p.K; k++)
                UNROLL for (int v = 0; v < MOST_NV; v++)
                    store(p.pack + k * PANEL + v * LANES, load(B + k * B_ld + v * LANES));
            B = p.pack;
            B_ld = PANEL;
        }
        for (idx n = 0; n < tiles; n++) {
            const idx next = p.M * (n + 1) / tiles, rows = next - i;
            const Tile run = tail ? tile_of<true, false>((int)rows, NV)
                                  : tile_of<false, false>((int)rows, NV);
            const idx at = i * p.C_ld + j;
            run({p.rows + i, p.at, p.K, B, B_ld, p.start ? p.start + i * p.start_ld + j : nullptr,
                 p.start_ld, p.C + at, p.C_ld, width, nullptr, p.relu, p.slope,
                 p.slope_from ? p.slope_from + at : nullptr});
            if (epilogue.apply) epilogue.apply(epilogue, i, rows, j, width);
            i = next;
        }
    }
}
