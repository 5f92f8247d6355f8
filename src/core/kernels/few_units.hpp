// few_units.hpp: z of a last layer of one to four units, by dot products.
#pragma once

#include "partition.hpp"
#include "run_state.hpp"
#include "transpose.hpp"

namespace chainrule {
namespace {

// z of a last layer of one to four units: dot products with rows of W, since a product would leave
// most lanes empty. W^T of one unit is W; that of more is there while there is a way back. Each
// register takes the outputs of some rows, with a place between those of three units.
template <int n>
void forward_few(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1) {
    constexpr idx PLACES = n == 3 ? 4 : n, HIGH = LANES / PLACES;
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& buffers = ws.layers[l];
    const real* const* rows = inputs_of(ws, l);
    const real* const W_of_l = n == 1 ? r.theta + layer.w : ws.W[l];
    V b;
    for (idx k = 0; k < LANES; k++) b[k] = k % PLACES < n ? r.theta[layer.b + k % PLACES] : 0;
    for (idx i = r0; i < r1; i += HIGH) {
        const idx high = least(HIGH, r1 - i);
        const real* a[HIGH];
        UNROLL_FOR (idx k = 0; k < HIGH; k++) a[k] = rows[i + least(k, high - 1)];
        V c[LANES] = {};
        for (idx j = 0; j < layer.n_in; j += PANEL) {
            const idx width = least(PANEL, layer.n_in - j), ld = padded(width);
            for (idx v = 0; v < width; v += LANES) {
                const real* w = W_of_l + j * n + v;
                V W[n];  // what is past the last of them is not zero
                UNROLL_FOR (idx o = 0; o < n; o++) W[o] = read_part(w + o * ld, width - v);
                UNROLL_FOR (idx k = 0; k < HIGH; k++) {
                    const V x = read_part(a[k] + j + v, width - v);
                    UNROLL_FOR (idx o = 0; o < n; o++) c[k * PLACES + o] += x * W[o];
                }
            }
        }
        V z = totals(c) + b;
        if (buffers.slope == Slope::of_relu) z = relu(z);
        if constexpr (PLACES == n) write_part(buffers.a + i * n, z, high * n);
        else
            for (idx k = 0; k < high * n; k++) buffers.a[i * n + k] = z[k / n * PLACES + k % n];
    }
}

void forward_few_units(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1) {
    constexpr bool MANY =
        LANES >= 4;  // the plan asks for one unit alone where there are fewer lanes
    switch (r.p.layers[l].n_out) {
        case 1: return forward_few<1>(r, ws, l, r0, r1);
        case 2: return forward_few<MANY ? 2 : 1>(r, ws, l, r0, r1);
        case 3: return forward_few<MANY ? 3 : 1>(r, ws, l, r0, r1);
        case 4: return forward_few<MANY ? 4 : 1>(r, ws, l, r0, r1);
    }
}

}  // namespace
}  // namespace chainrule
