// transpose.hpp: W^T to W, block by block, for the backward product.
#pragma once

#include "vec.hpp"

// to[j * to_ld + i] = from[i * from_ld + j] for i < rows, j < columns.
static void transpose(const real* from, idx from_ld, idx rows, idx columns, real* to, idx to_ld) {
    constexpr idx BLOCK = 8;
    for (idx i = 0; i < rows; i += BLOCK) {
        const idx high = rows - i < BLOCK ? rows - i : BLOCK;
        for (idx j = 0; j < columns; j++)
            for (idx r = 0; r < high; r++) to[j * to_ld + i + r] = from[(i + r) * from_ld + j];
    }
}
