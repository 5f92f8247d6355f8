// outputs.hpp: a^L of some rows of X, layer by layer, with nothing kept for a way back.
#pragma once

#include <cstddef>

#include "../core.hpp"
#include "affine_outputs.hpp"
#include "arena.hpp"
#include "ops.hpp"
#include "partition.hpp"

namespace chainrule {
namespace {

struct OutputsScratch {
    real* z[2];  // (rows, ld), of the layers by turns
    const real** rows;
};

// The scratch for a number of rows; with no base only its size is worked out.
std::size_t lay_out_outputs(const Layer* layers, idx depth, idx rows, char* base,
                            OutputsScratch* s) {
    Arena arena = {.base = base, .used = 0};
    idx ld = 0;
    for (idx l = 0; l + 1 < depth; l++)
        if (row_length(layers[l].n_out) > ld) ld = row_length(layers[l].n_out);
    real* first = arena.take<real>(rows * ld);
    real* second = arena.take<real>(rows * ld);
    const real** pointers = arena.take<const real*>(rows);
    if (s) *s = {{first, second}, pointers};
    return arena.used;
}

std::size_t outputs_scratch(const Layer* layers, idx depth, idx rows) {
    return lay_out_outputs(layers, depth, rows, nullptr, nullptr);
}

// X (rows, n_0), out (rows, n_L).
void outputs(const Layer* layers, idx depth, const void* parameters, const void* from, void* to,
             idx rows, void* scratch) {
    const real* theta = static_cast<const real*>(parameters);
    OutputsScratch s;
    lay_out_outputs(layers, depth, rows, static_cast<char*>(scratch), &s);
    const real* a = static_cast<const real*>(from);
    idx a_ld = layers[0].n_in;
    for (idx l = 0; l < depth; l++) {
        const bool last = l == depth - 1;
        real* const y = last ? static_cast<real*>(to) : s.z[l % 2];
        const idx ld = last ? layers[l].n_out : row_length(layers[l].n_out);
        for (idx i = 0; i < rows; i++) s.rows[i] = a + i * a_ld;
        kernels_of(layers[l]).outputs(layers[l], theta,
                                      {.x = s.rows, .count = rows, .y = y, .ld = ld, .last = last});
        a = y;
        a_ld = ld;
    }
}

}  // namespace
}  // namespace chainrule
