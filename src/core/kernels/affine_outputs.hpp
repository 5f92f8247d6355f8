// affine_outputs.hpp: a of an affine layer for inference. The sums over k run in order from the
// bias, in a row alone as in a tile, so a row's outputs have the same bits in any batch.
#pragma once

#include "../core.hpp"
#include "activations.hpp"
#include "partition.hpp"
#include "product.hpp"

namespace chainrule {
namespace {

// A layer's rows on the way to a^L: y (count, n_out) from x (count, n_in). `last`: y is the
// caller's, without padding.
struct OutputRows {
    const real* const* x;
    idx count;
    real* y;
    idx ld;
    bool last;
};

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

// z = a_prev W^T + b, a = f(z).
void affine_outputs(const Layer& layer, const real* theta, const OutputRows& rows) {
    const idx n = layer.n_out, ld = rows.ld, count = rows.count;
    const bool relu = (Activation)layer.f == Activation::relu;
    const real *W = theta + layer.w, *b = theta + layer.b;
    real* const z = rows.y;
    if (!rows.last && n % LANES)  // the rest of a row's last register is activated too
        for (idx i = 0; i < count; i++) store(z + i * ld + padded(n) - LANES, V{});
    if (count == 1) row_product(rows.x[0], layer.n_in, n, W, b, z, relu);
    else affine(rows.x, count, layer.n_in, n, W, b, z, ld, relu);
    if ((Activation)layer.f == Activation::softmax) {
        for (idx i = 0; i < count; i++) softmax_forward(z + i * ld, n);
    } else if (!relu && (Activation)layer.f != Activation::identity) {
        const Activate f = activate_of(layer.f);
        const real setting = (real)layer.setting;
        if (rows.last) activate_exactly(f, z, count * n, setting);
        else
            for (idx i = 0; i < count; i++) f(z + i * ld, nullptr, padded(n), setting);
    }
}

}  // namespace
}  // namespace chainrule
