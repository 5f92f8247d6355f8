// fused_update.hpp: the step of a wide layer's W^T by each tile of dW^T while it is in registers:
// dW is neither stored nor read. And the steps that each optimizer has, by its number.
#pragma once

#include "../tables.hpp"
#include "optimizers.hpp"
#include "partition.hpp"
#include "product.hpp"
#include "tile.hpp"

namespace chainrule {
namespace {

// Prefetches a block's lines while the tile that will change them is still at work.
INLINE void prefetch(const Block& block, idx slots) {
    for (idx j = 0; j < block.n; j += LINE) {
        __builtin_prefetch(block.theta + j, 1);
        if (slots > 0) __builtin_prefetch(block.s0 + j, 1);
        if (slots > 1) __builtin_prefetch(block.s1 + j, 1);
    }
}

// `rows` rows of a panel of W^T, MR at a time, stepped by their tile of dW^T while it is in
// registers; t and `first` are of the first of them. Gives the sum of dW^2 of every `unit` rows.
template <Optimizer o, int MR, Alongside alongside, bool Penalised>
INLINE void update_rows_by(const TileArguments& of_first, const Block& first, idx rows, idx unit,
                           double* sums, const StepConstants& step_constants) {
    TileArguments t = of_first;  // copies of all, so that no store can change them
    Block block = first;
    const StepConstants constants = step_constants;
    block.n = MR * PANEL;
    block.penalise = Penalised;
    for (idx begin = 0; begin < rows; begin += unit) {
        V squares[MOST_NV] = {};
        for (idx i = begin; i < least(begin + unit, rows); i += MR) {
            prefetch(block, slots_of(o));
            V g[MR][MOST_NV], unused[MOST_NV] = {};
            tile_sums<MR, MOST_NV, false, true, alongside>(t, g, unused);
            UNROLL_FOR (int k = 0; k < MR; k++)
                UNROLL_FOR (int v = 0; v < MOST_NV; v++)
                    step_register<o>(block, k * PANEL + v * LANES, g[k][v], squares[v], constants,
                                     load, store);
            t.at += MR;
            block.theta += block.n;
            if constexpr (slots_of(o) > 0) block.s0 += block.n;
            if constexpr (slots_of(o) > 1) block.s1 += block.n;
        }
        for (int v = 1; v < MOST_NV; v++) squares[0] += squares[v];
        sums[begin / unit] = (double)total(squares[0]);
    }
}

template <Optimizer o, int MR, Alongside alongside>
void update_rows(const TileArguments& of_first, const Block& first, idx rows, idx unit,
                 double* sums, const StepConstants& constants) {
    if (first.penalise)
        return update_rows_by<o, MR, alongside, true>(of_first, first, rows, unit, sums, constants);
    return update_rows_by<o, MR, alongside, false>(of_first, first, rows, unit, sums, constants);
}

// One optimizer's steps: from a gradient that is there, or as it arises, `high` rows of a panel at
// a time.
using UpdateRows = void (*)(const TileArguments& of_first, const Block& first, idx rows, idx unit,
                            double* sums, const StepConstants&);
struct OptimizerKernels {
    UpdateBlock update;
    UpdateRows (*rows)(idx high, bool ahead);
};

template <Optimizer o>
UpdateRows update_rows_of(idx high, bool ahead) {
    if (high == 4)
        return ahead ? update_rows<o, 4, Alongside::prefetch>
                     : update_rows<o, 4, Alongside::nothing>;
    return ahead ? update_rows<o, 6, Alongside::prefetch> : update_rows<o, 6, Alongside::nothing>;
}

OptimizerKernels optimizer_kernels(int optimizer) {
    switch ((Optimizer)optimizer) {
#define CHAINRULE_CASE(name, ...) \
    case Optimizer::name: return {update_block<Optimizer::name>, update_rows_of<Optimizer::name>};
        CHAINRULE_OPTIMIZERS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return {};
}

}  // namespace
}  // namespace chainrule
