// ops.hpp: what each kind of layer of tables.hpp computes, as one table.
#pragma once

#include "../core.hpp"
#include "affine.hpp"
#include "affine_outputs.hpp"
#include "backward_wide.hpp"
#include "elementwise.hpp"
#include "layer_activation.hpp"
#include "run_state.hpp"
#include "scale.hpp"

namespace chainrule {
namespace {

// What an op does to rows, forward and back, and the gradient of its numbers; and forward of rows
// that are not trained on. Their scratch is that of every layer: see LayerBuffers.
struct OpKernels {
    void (*forward)(const RunState&, const Workspace&, const Slice&, idx l, const Region&);
    void (*backward)(const RunState&, const Workspace&, idx l, idx r0, idx r1, idx i0, idx i1);
    void (*gradient)(const RunState&, const Workspace&, idx l, idx rows, int thread, int threads,
                     const GradientTarget&);
    void (*outputs)(const Layer&, const real* theta, const OutputRows&);
};

// Elementwise, unless it says otherwise here.
template <Op op>
struct KernelsOf : Elementwise<op> {};
template <>
struct KernelsOf<Op::affine> : Affine {};

#define CHAINRULE_KERNELS(name, ...)                                                             \
    {KernelsOf<Op::name>::forward, KernelsOf<Op::name>::backward, KernelsOf<Op::name>::gradient, \
     KernelsOf<Op::name>::outputs},
constexpr OpKernels OP_KERNELS[] = {CHAINRULE_OPS(CHAINRULE_KERNELS)};
#undef CHAINRULE_KERNELS

INLINE const OpKernels& kernels_of(const Layer& layer) { return OP_KERNELS[(int)layer.op]; }

// a of layer l, in a region: whole rows where its f mixes them.
INLINE void forward(const RunState& r, const Workspace& ws, const Slice& slice, idx l,
                    const Region& at) {
    kernels_of(r.p.layers[l]).forward(r, ws, slice, l, at);
}

// dz of the layer below l, of rows [r0, r1) and units [i0, i1): all of them where its f mixes
// units.
INLINE void backward(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1, idx i0,
                     idx i1) {
    const LayerBuffers& below = ws.layers[l - 1];
    const Layer& layer_below = r.p.layers[l - 1];
    kernels_of(r.p.layers[l]).backward(r, ws, l, r0, r1, i0, i1);
    if (below.slope == Slope::mixed) unmix_rows(below, layer_below, r0, r1);
    transpose_dz(below, layer_below.n_out, r0, r1, i0, i1);
}

// The gradient of layer l's numbers over the first `rows` rows of a slice: a thread's share.
INLINE void gradient(const RunState& r, const Workspace& ws, idx l, idx rows, int thread,
                     int threads, const GradientTarget& target) {
    kernels_of(r.p.layers[l]).gradient(r, ws, l, rows, thread, threads, target);
}

}  // namespace
}  // namespace chainrule
