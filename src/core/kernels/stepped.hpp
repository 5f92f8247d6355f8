// stepped.hpp: a tile of a wide layer's dW^T by which the optimizer steps W^T while it is in registers: dW is
// neither stored nor read. And what an optimizer's steps are, by its number.
#pragma once

#include "few.hpp"

// A tile of a panel's dW^T that the optimizer steps by while it is in registers. Returns the register sums of dW^2.
template <O o, int MR, bool Ahead>
static V stepped_tile(const TileArguments& t, const Block& given, const Numbers& u) {
    V g[MR][MOST_NV], squares[MOST_NV] = {};
    tile_sums<MR, MOST_NV, false, true, Ahead>(t, g);
    const Block block = given;
    UNROLL for (int i = 0; i < MR; i++)
        UNROLL for (int v = 0; v < MOST_NV; v++)
            step_register<o>(block, i * PANEL + v * LANES, g[i][v], squares[v], u, load, store);
    for (int v = 1; v < MOST_NV; v++) squares[0] += squares[v];
    return squares[0];
}

// Null for heights that only what is left of a layer has.
template <O o, bool Ahead>
static SteppedTile stepped_tile_of(int rows) {
    return rows == 4 ? stepped_tile<o, 4, Ahead> : rows == 6 ? stepped_tile<o, 6, Ahead> : nullptr;
}

static Steps steps_of(int o) {
    switch ((O)o) {
#define CHAINRULE_CASE(name, slots, settings) \
    case O::name: return {update<O::name>, few_rows_by<O::name>, stepped_tile_of<O::name, false>, \
                          stepped_tile_of<O::name, true>};
        CHAINRULE_OPTIMIZERS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return {};
}
