// outputs.hpp: a^L of some rows of X, with nothing kept for a way back. The sums over k run in
// order from the bias, in a row alone as in a tile, so a row's outputs have the same bits in any
// batch.
#pragma once

#include <cstddef>

#include "../core.hpp"
#include "activations.hpp"
#include "arena.hpp"
#include "partition.hpp"
#include "product.hpp"

namespace chainrule {
namespace {

// One row's panel is wider than a tile's: its sums wait for one another, and eight hide the wait.
constexpr int ROW_NV = 8;
constexpr idx ROW_PANEL = ROW_NV * LANES;
// Rows of W^T taken at a time where there are several panels: whole rows are read one after
// another.
constexpr idx ROW_K = 16;

template <bool Tail>
Tile row_tile(int NV) {
    switch (NV) {
        case 1: return tile<1, 1, Tail, false>;
        case 2: return tile<1, 2, Tail, false>;
        case 3: return tile<1, 3, Tail, false>;
        case 4: return tile<1, 4, Tail, false>;
        case 5: return tile<1, 5, Tail, false>;
        case 6: return tile<1, 6, Tail, false>;
        case 7: return tile<1, 7, Tail, false>;
        default: return tile<1, ROW_NV, Tail, false>;
    }
}

// z (1, N) = b + x W^T, and relu.
void row_product(const real* x, idx K, idx N, const real* W, const real* b, real* z, bool relu) {
    const idx step = N <= ROW_PANEL ? K : ROW_K;
    for (idx k = 0; k < K; k += step) {
        const bool last = k + step >= K;
        for (idx j = 0; j < N; j += ROW_PANEL) {
            const idx width = least(N - j, ROW_PANEL);
            const int NV = registers_of(width);
            const Tile run = width % LANES ? row_tile<true>(NV) : row_tile<false>(NV);
            TileArguments t = {};
            t.rows = &x;
            t.at = k;
            t.K = least(step, K - k);
            t.B = W + k * N + j;
            t.B_ld = N;
            t.start = k ? z + j : b + j;
            t.C = z + j;
            t.width = width;
            t.relu = relu && last;
            run(t);
        }
    }
}

// The same of M rows: as `product`, but W^T lies as the caller has it, row by row.
void affine(const real* const* rows, idx M, idx K, idx N, const real* W, const real* b, real* z,
            idx ld, bool relu) {
    for (idx j = 0; j < N; j += PANEL) {
        TileArguments t = {};
        t.rows = rows;
        t.K = K;
        t.B = W + j;
        t.B_ld = N;
        t.start = b + j;
        t.C = z + j;
        t.C_ld = ld;
        t.width = least(N - j, PANEL);
        t.relu = relu;
        panel_tiles(t, M, t.width % LANES != 0, false, {}, j);
    }
}

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

// a = f(z) of n numbers in a row, in place; what lies behind them is not touched.
void activate_exactly(Activate f, real* z, idx n, real setting) {
    const idx whole = n / LANES * LANES;
    if (whole) f(z, nullptr, whole, setting);
    if (whole == n) return;
    real rest[LANES] = {};
    for (idx i = whole; i < n; i++) rest[i - whole] = z[i];
    f(rest, nullptr, LANES, setting);
    for (idx i = whole; i < n; i++) z[i] = rest[i - whole];
}

// z = a_prev W^T + b, a = f(z), for l = 1..L; X (rows, n_0), out (rows, n_L).
void outputs(const Layer* layers, idx depth, const void* parameters, const void* from, void* to,
             idx rows, void* scratch) {
    const real* theta = static_cast<const real*>(parameters);
    OutputsScratch s;
    lay_out_outputs(layers, depth, rows, static_cast<char*>(scratch), &s);
    const real* a = static_cast<const real*>(from);
    idx a_ld = layers[0].n_in;
    for (idx l = 0; l < depth; l++) {
        const Layer& layer = layers[l];
        const idx n = layer.n_out;
        const bool last = l == depth - 1, relu = (Activation)layer.f == Activation::relu;
        real* z = last ? static_cast<real*>(to) : s.z[l % 2];
        const idx ld = last ? n : row_length(n);
        const real *W = theta + layer.w, *b = theta + layer.b;
        if (!last && n % LANES)  // the rest of a row's last register is activated too
            for (idx i = 0; i < rows; i++) store(z + i * ld + padded(n) - LANES, V{});
        if (rows == 1) {
            row_product(a, layer.n_in, n, W, b, z, relu);
        } else {
            for (idx i = 0; i < rows; i++) s.rows[i] = a + i * a_ld;
            affine(s.rows, rows, layer.n_in, n, W, b, z, ld, relu);
        }
        if ((Activation)layer.f == Activation::softmax) {
            for (idx i = 0; i < rows; i++) softmax_forward(z + i * ld, n);
        } else if (!relu && (Activation)layer.f != Activation::identity) {
            const Activate f = activate_of(layer.f);
            const real setting = (real)layer.setting;
            if (last) activate_exactly(f, z, rows * n, setting);
            else
                for (idx i = 0; i < rows; i++) f(z + i * ld, nullptr, padded(n), setting);
        }
        a = z;
        a_ld = ld;
    }
}

}  // namespace
}  // namespace chainrule
