// stepped.hpp: the step of a wide layer's W^T by each tile of dW^T while it is in registers: dW is neither stored
// nor read. And what an optimizer's steps are, by its number.
#pragma once

#include "backward.hpp"

// Asks for a block's lines while the tile that will change them is still at work.
INLINE void fetch(const Block& block, idx slots) {
    constexpr idx LINE = 64 / (idx)sizeof(real);
    for (idx j = 0; j < block.n; j += LINE) {
        __builtin_prefetch(block.theta + j, 1);
        if (slots > 0) __builtin_prefetch(block.s0 + j, 1);
        if (slots > 1) __builtin_prefetch(block.s1 + j, 1);
    }
}

// `rows` rows of a panel of W^T, MR at a time, stepped by their tile of dW^T while it is in registers; t and `first`
// are of the first of them. Gives the sum of dW^2 of every `unit` rows.
template <Optimizer o, int MR, Beside beside, bool Penalised>
INLINE void stepped_rows_by(const TileArguments& of_first, const Block& first, idx rows, idx unit, double* sums,
                            const Numbers& given) {
    TileArguments t = of_first;  // copies of all, so that no store can change them
    Block block = first;
    const Numbers u = given;
    block.n = MR * PANEL;
    block.penalise = Penalised;
    for (idx begin = 0; begin < rows; begin += unit) {
        V squares[MOST_NV] = {};
        for (idx i = begin; i < least(begin + unit, rows); i += MR) {
            fetch(block, slots_of(o));
            V g[MR][MOST_NV], unused[MOST_NV] = {};
            tile_sums<MR, MOST_NV, false, true, beside>(t, g, unused);
            UNROLL for (int k = 0; k < MR; k++)
                UNROLL for (int v = 0; v < MOST_NV; v++)
                    step_register<o>(block, k * PANEL + v * LANES, g[k][v], squares[v], u, load, store);
            t.at += MR;
            block.theta += block.n;
            if constexpr (slots_of(o) > 0) block.s0 += block.n;
            if constexpr (slots_of(o) > 1) block.s1 += block.n;
        }
        for (int v = 1; v < MOST_NV; v++) squares[0] += squares[v];
        sums[begin / unit] = (double)total(squares[0]);
    }
}

template <Optimizer o, int MR, Beside beside>
static void stepped_rows(const TileArguments& of_first, const Block& first, idx rows, idx unit, double* sums,
                         const Numbers& u) {
    if (first.penalise) return stepped_rows_by<o, MR, beside, true>(of_first, first, rows, unit, sums, u);
    return stepped_rows_by<o, MR, beside, false>(of_first, first, rows, unit, sums, u);
}

template <Optimizer o>
static SteppedRows stepped_rows_of(idx high, bool ahead) {
    if (high == 4) return ahead ? stepped_rows<o, 4, Beside::asks> : stepped_rows<o, 4, Beside::nothing>;
    return ahead ? stepped_rows<o, 6, Beside::asks> : stepped_rows<o, 6, Beside::nothing>;
}

static Steps steps_of(int o) {
    switch ((Optimizer)o) {
#define CHAINRULE_CASE(name, ...) \
    case Optimizer::name: return {update<Optimizer::name>, stepped_rows_of<Optimizer::name>};
        CHAINRULE_OPTIMIZERS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return {};
}
