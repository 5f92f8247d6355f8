// few.hpp: the step of a wide layer's W^T by few samples. Their outer products are summed in registers, where
// W^T is stepped at once: as a product that is stored first they would take longer to store than to work out.
#pragma once

#include "backward.hpp"

// A panel's rows of W^T from a block's first on, stepped by sum_m a[m] dz[m]; a's columns from `at` on.
// Returns the register sums of dW^2.
template <O o>
static V few_rows_by(const Block& given, const real* const* a, idx at, const real* dz, idx dz_ld, idx rows,
                     idx width, const Numbers& u) {
    const Block block = given;
    V squares[MOST_NV] = {};
    idx j = 0;
    if (width == PANEL)
        for (; j + 2 * PANEL <= block.n; j += 2 * PANEL, at += 2) {
            V g[2][MOST_NV] = {};
            for (idx m = 0; m < rows; m++) {
                const V x = broadcast(a[m][at]), y = broadcast(a[m][at + 1]);
                UNROLL for (int v = 0; v < MOST_NV; v++) {
                    const V z = load(dz + m * dz_ld + v * LANES);
                    g[0][v] += x * z;
                    g[1][v] += y * z;
                }
            }
            UNROLL for (int k = 0; k < 2; k++)
                UNROLL for (int v = 0; v < MOST_NV; v++)
                    step_register<o>(block, j + k * PANEL + v * LANES, g[k][v], squares[v], u, load, store);
        }
    for (; j < block.n; j += width, at++) {
        for (idx v = 0; v < width; v += LANES) {
            const idx n = least(LANES, width - v);
            V g = {};
            for (idx m = 0; m < rows; m++) g += broadcast(a[m][at]) * load_first(dz + m * dz_ld + v, n);
            step_register<o>(block, j + v, g, squares[0], u,
                             [n](const real* p) { return load_first(p, n); },
                             [n](real* p, V x) { store_first(p, x, n); });
        }
    }
    for (int v = 1; v < MOST_NV; v++) squares[0] += squares[v];
    return squares[0];
}

// Rows [i0, i1) of one panel of layer l. Returns the sum of dW^2.
static double few_rows(const Run_state& r, const Desk& d, idx l, idx rows, idx panel, idx i0, idx i1,
                       const Numbers& u) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const idx width = panel_width(layer.n_out, panel), j = panel * PANEL;
    const Block block = block_at(r, layer.w + j * layer.n_in + i0 * width, nullptr, (i1 - i0) * width,
                                 u.penalised);
    return (double)total(r.steps.few(block, inputs_of(d, l), i0, s.dz + j, s.ld, rows, width, u));
}
