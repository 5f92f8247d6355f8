// run_state.hpp: a run in progress, and what its threads work on.
#pragma once

#include <cstddef>

#include "../core.hpp"
#include "../plan.hpp"
#include "activations.hpp"
#include "costs.hpp"
#include "fused_update.hpp"
#include "partition.hpp"

namespace chainrule {
namespace {

// What one layer needs for a slice. In the last layer a is (rows, n_L) without padding, so that the
// cost can take its entries in one row; in the others every row is padded with zeros to registers.
struct LayerBuffers {
    real *a, *df, *dz, *undropped;  // undropped: softmax's own output where dropout follows it
    const real **rows, **dz_rows;   // the rows of a and of dz, for the products that read them
    real* dz_T;                     // or null: see backward_wide.hpp
    idx ld;
    Slope slope;
    Activate f;
};

// What a thread (by parts) or the team (otherwise) works on: a slice, or a block of them.
struct Workspace {
    LayerBuffers* layers;      // [0, L)
    real** W;                  // [1, L): W (n_out, n_in) in panels, where backward is a product
    const real** inputs;       // the rows of a^0: of X itself, or of `dropped_inputs`
    const real** next_inputs;  // those of the next batch, to be prefetched, or null
    real* dropped_inputs;
    real *y, *share;  // (rows, n_L)
    real* sums;       // (rows,), for the logarithms of a softmax
};

struct SingleSampleLayer;

// It lies at the start of the run's memory, and everything it points to after it.
struct RunState {
    Problem p;  // its layers say where the run's own theta lies
    Run run;
    RunPlan plan;
    const Layer* callers;  // and these, where the caller's does
    real *theta, *state;   // the run's own, see packing.hpp
    Team* team;
    idx batches, done;
    End why;
    bool stop;  // see `stops`
    Workspace* workspaces;
    real** da_parts;    // [1, L): da^{l-1} by groups of panels (groups, batch, n_in), or null: see
                        // small_batch.hpp
    real* gradients;    // (parts, P), or null where the optimizer is the gradient tile's epilogue
    double* unit_sums;  // squares of each unit of each panel of each layer, and clipped ones
    double* clipped_sums;
    idx* first_unit;  // [0, L]
    double* J;        // of each slice, by parts, or of each unit of rows
    double penalty;
    OptimizerKernels optimizer;
    CostOf cost;
    SingleSampleLayer* single;  // see single_sample.hpp, or null
};

// Where gradients go: into the optimizer (into == null), or into a flat array, added or not.
struct GradientTarget {
    real* into = nullptr;
    bool add = false;
    const StepConstants* constants = nullptr;
    // Rows whose products are summed before they are added to those before.
    idx chain = LARGEST_SLICE;
};

// Where a slice comes from: its first row in the batch, and the batch's place in the order of rows.
struct Slice {
    idx first, rows;  // within the batch
    idx batch;        // where the batch starts in `order`
    idx step;         // for dropout
    double sum;       // of the batch's weights, or its number of rows
};

// Part of a layer's outputs: rows [r0, r1) of the slice, columns [c0, c1), which are whole panels.
struct Region {
    idx r0, r1, c0, c1;
};

INLINE bool is_wide(Backward way) {
    return way == Backward::wide || way == Backward::wide_by_units;
}
INLINE bool is_product(Backward way) {
    return way == Backward::product || way == Backward::product_by_units;
}
INLINE bool is_by_units(Backward way) {
    return way == Backward::wide_by_units || way == Backward::product_by_units;
}

INLINE const real* const* inputs_of(const Workspace& ws, idx l) {
    return l == 0 ? ws.inputs : ws.layers[l - 1].rows;
}

// n parameters from theta[at] on.
INLINE Block block_at(const RunState& r, idx at, const real* g, idx n, bool penalise) {
    real* s0 = r.state + at;
    return {.theta = r.theta + at,
            .s0 = s0,
            .s1 = s0 + r.p.parameters,
            .g = g,
            .n = n,
            .weights = true,
            .penalise = penalise};
}
INLINE Block bias_at(const RunState& r, idx at, const real* g, idx n) {
    Block block = block_at(r, at, g, n, false);
    block.weights = false;
    return block;
}

}  // namespace
}  // namespace chainrule
