// layer_activation.hpp: a = f(z) on the way forward, dz = da f' on the way back, of the rows of one
// layer.
#pragma once

#include "activations.hpp"
#include "batch.hpp"
#include "dropout.hpp"
#include "product.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// What the epilogue of a region needs: where it begins in its slice and the slice in its batch, and
// the mask.
struct ActivatedRegion {
    const LayerBuffers* buffers;
    idx r0, c0, first_row, units;
    real setting;
    const Mask* mask;
    const RunState* run;
};

// The forward tile's epilogue: a = f(z), and its slope where the backward pass will want it.
void activate_tile(const Epilogue& e, idx i, idx rows, idx j, idx width) {
    const auto& t = *static_cast<const ActivatedRegion*>(e.context);
    const LayerBuffers& buffers = *t.buffers;
    if (buffers.ld == padded(width) &&
        !t.mask) {  // the tile's rows follow one another without a gap
        const idx at = (t.r0 + i) * buffers.ld;
        return buffers.f(buffers.a + at, buffers.df ? buffers.df + at : nullptr, rows * buffers.ld,
                         t.setting);
    }
    j += t.c0;
    for (idx row = t.r0 + i; row < t.r0 + i + rows; row++) {
        const idx at = row * buffers.ld + j;
        real* df = buffers.df ? buffers.df + at : nullptr;
        buffers.f(buffers.a + at, df, padded(width), t.setting);
        if (!t.mask) continue;
        drop(buffers.a + at, df, masked_row(*t.run, t.first_row + row), t.units, j, width, *t.mask);
    }
}

// Softmax of whole rows, with its mask kept where f' is kept elsewhere.
void mix_rows(const ActivatedRegion& t, const Layer& layer, idx r0, idx r1) {
    const LayerBuffers& buffers = *t.buffers;
    for (idx row = r0; row < r1; row++) {
        real* a = buffers.a + row * buffers.ld;
        softmax_forward(a, layer.n_out);
        if (!t.mask) continue;
        real* mask = buffers.df + row * buffers.ld;
        __builtin_memcpy(buffers.undropped + row * buffers.ld, a,
                         (std::size_t)layer.n_out * sizeof(real));
        for (idx j = 0; j < layer.n_out; j++) mask[j] = 1;
        drop(a, mask, masked_row(*t.run, t.first_row + row), layer.n_out, 0, layer.n_out, *t.mask);
    }
}

// Dropout of rows of an op that has no f: its slope is the mask.
void drop_rows(const RunState& r, const LayerBuffers& buffers, const Slice& slice, idx l, idx r0,
               idx r1) {
    const Layer& layer = r.p.layers[l];
    const Mask mask = mask_of(r.p.seed, slice.step, layer.place, layer.rate);
    for (idx row = r0; row < r1; row++) {
        real* const df = buffers.df + row * buffers.ld;
        for (idx j = 0; j < layer.n_out; j++) df[j] = 1;
        drop(buffers.a + row * buffers.ld, df, masked_row(r, slice.first + row), layer.n_out, 0,
             layer.n_out, mask);
    }
}

// n entries of dz, from da: times f'.
template <Slope slope>
void times_slopes(real* dz, const real* from, idx n) {
    for (idx j = 0; j < n; j += LANES)
        write_part(dz + j, times_slope<slope>(read_part(dz + j, n - j), read_part(from + j, n - j)),
                   n - j);
}
void times_slope_of(const LayerBuffers& buffers, idx at, idx n) {
    if (buffers.slope == Slope::of_relu)
        times_slopes<Slope::of_relu>(buffers.dz + at, buffers.a + at, n);
    else if (buffers.slope == Slope::of_tanh)
        times_slopes<Slope::of_tanh>(buffers.dz + at, buffers.a + at, n);
    else if (buffers.slope == Slope::stored)
        times_slopes<Slope::stored>(buffers.dz + at, buffers.df + at, n);
}

INLINE const real* slope_from(const LayerBuffers& buffers) {
    return buffers.slope == Slope::stored ? buffers.df : buffers.a;
}

// dz of rows that softmax mixed, from da.
void unmix_rows(const LayerBuffers& buffers, const Layer& layer, idx r0, idx r1) {
    for (idx row = r0; row < r1; row++) {
        real* dz = buffers.dz + row * buffers.ld;
        const real* a = (buffers.undropped ? buffers.undropped : buffers.a) + row * buffers.ld;
        if (buffers.undropped)
            for (idx j = 0; j < layer.n_out; j++) dz[j] *= buffers.df[row * buffers.ld + j];
        softmax_backward(dz, a, layer.n_out);
    }
}

}  // namespace
}  // namespace chainrule
