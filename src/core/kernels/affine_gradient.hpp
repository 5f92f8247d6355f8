// affine_gradient.hpp: dW^T = a_prev^T dz and db = sum_i dz_i, unit by unit, with the optimizer as
// the tile's epilogue or into a buffer. affine.hpp says when.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "column_sum.hpp"
#include "optimizers.hpp"
#include "packing.hpp"
#include "partition.hpp"
#include "product.hpp"
#include "run_state.hpp"
#include "tile.hpp"
#include "transpose.hpp"

namespace chainrule {
namespace {

// Numbers of a unit of a narrow layer, and of the same transposed, whose rows are padded.
constexpr idx NARROW_UNIT = 2048;

// The tile of `rows` rows of dW^T and `width` columns, with db beside or not.
INLINE Tile gradient_tile(idx rows, idx width, bool summing = false) {
    const int NV = registers_of(width), high = (int)rows;
    if (summing)
        return width % LANES ? summing_tile_of<true>(high, NV) : summing_tile_of<false>(high, NV);
    return width % LANES ? tile_of<true, true>(high, NV) : tile_of<false, true>(high, NV);
}

// A tile of dW^T, from all rows: t.rows and t.B are those of the first. t is left as it was: a copy
// made here would wait for the store of what the caller has just written.
void run_chains(Tile run, TileArguments& t, idx rows, idx chain, bool add) {
    const auto first = t.rows, ahead = t.ahead;
    const real* const B = t.B;
    for (idx k = 0; k < rows; k += chain) {
        t.K = least(chain, rows - k);
        t.plus = k > 0 || add ? t.C : nullptr;
        run(t);
        t.rows += t.K;
        t.B += t.K * t.B_ld;
        if (ahead) t.ahead += t.K;
    }
    t.rows = first;
    t.K = rows;
    t.ahead = ahead;
    t.B = B;
}

// Rows [i0, i1) of dW^T with the outputs along the lanes, to `into`; db beside the first tile where
// `db` says where.
INLINE void gradient_across(const Workspace& ws, idx l, idx n, idx rows, Range of, real* into,
                            real* db, const GradientTarget& target) {
    const LayerBuffers& buffers = ws.layers[l];
    const idx wide = of.end - of.begin, tiles = best_tiles(wide, registers_of(n), rows);
    for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
        next = wide * (tile + 1) / tiles;
        TileArguments t = {.rows = inputs_of(ws, l),
                           .at = of.begin + i,
                           .K = rows,
                           .B = buffers.dz,
                           .B_ld = buffers.ld,
                           .start = nullptr,
                           .start_ld = 0,
                           .C = into + i * n,
                           .C_ld = n,
                           .width = n};
        const bool summing = db && tile == 0;
        if (summing) t.sums = db;
        run_chains(gradient_tile(next - i, n, summing), t, rows, target.chain, target.add);
    }
}

// The same with the inputs along the lanes: dW, transposed to `into`, added or not.
INLINE void gradient_along(const Workspace& ws, idx l, idx n, idx rows, Range of, real* into,
                           const GradientTarget& target) {
    const LayerBuffers &buffers = ws.layers[l], &below = ws.layers[l - 1];
    const idx wide = of.end - of.begin, ld = round_up(wide, LANES), entries = wide * n;
    alignas(64) real dW[NARROW_UNIT], transposed[NARROW_UNIT];
    for (idx j = 0; j < wide; j += PANEL) {
        const idx width = least(PANEL, wide - j), tiles = best_tiles(n, registers_of(width), rows);
        for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
            next = n * (tile + 1) / tiles;
            TileArguments t = {.rows = buffers.dz_rows,
                               .at = i,
                               .K = rows,
                               .B = below.a + of.begin + j,
                               .B_ld = below.ld,
                               .start = nullptr,
                               .start_ld = 0,
                               .C = dW + i * ld + j,
                               .C_ld = ld,
                               .width = width};
            run_chains(gradient_tile(next - i, width), t, rows, target.chain, false);
        }
    }
    if (!target.into) return transpose(dW, ld, n, wide, into, n);
    transpose(dW, ld, n, wide, transposed, n);
    for (idx j = 0; j < entries; j++)
        into[j] = target.add ? into[j] + transposed[j] : transposed[j];
}

// Units of a layer of at most PANEL outputs: rows of W^T that lie in one piece, so that the
// optimizer takes a unit at once, in whole registers.
void narrow_gradient(const RunState& r, const Workspace& ws, idx l, idx rows, Range items,
                     const GradientTarget& target) {
    const Layer& layer = r.p.layers[l];
    const idx n = layer.n_out, high = unit_rows(layer);
    const Gradient way = r.plan.layers[l].gradient;
    const bool along = way == Gradient::along, db = way == Gradient::across_with_bias;
    alignas(64) real scratch[NARROW_UNIT];
    for (idx u = items.begin; u < items.end; u++) {
        const idx i0 = u * high, i1 = least(i0 + high, layer.n_in), entries = (i1 - i0) * n;
        real* const into = target.into ? target.into + layer.w + i0 * n : scratch;
        if (along) gradient_along(ws, l, n, rows, {i0, i1}, into, target);
        else
            gradient_across(ws, l, n, rows, {i0, i1}, into,
                            db && u == 0 ? target.into + layer.b : nullptr, target);
        if (target.into) continue;
        const Block block =
            block_at(r, layer.w + i0 * n, scratch, entries, target.constants->penalised);
        r.unit_sums[r.first_unit[l] + u] =
            (double)total(r.optimizer.update(block, *target.constants));
        refresh_W(r, ws, l, i0, i1, 0);
    }
}

// Some rows of one panel of a wide layer's dW^T, tile by tile: into a buffer, or by way of one into
// the optimizer. Returns the sum of dW^2 of what was stepped.
double tiled_rows(const RunState& r, TileArguments& t, idx at, idx count,
                  const GradientTarget& target) {
    alignas(64) real scratch[8 * PANEL];
    const idx first = t.at, rows = t.K, width = t.width,
              tiles = best_tiles(count, registers_of(width), rows);
    double sum = 0;
    for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
        next = count * (tile + 1) / tiles;
        const int high = (int)(next - i);
        t.at = first + i;
        t.C = target.into ? target.into + at + i * width : scratch;
        const Tile run =
            target.into && t.ahead ? far_tile_of<true>(high) : gradient_tile(high, width);
        run_chains(run, t, rows, target.chain, target.add);
        if (target.into) continue;
        const Block block =
            block_at(r, at + i * width, scratch, high * width, target.constants->penalised);
        sum += (double)total(r.optimizer.update(block, *target.constants));
    }
    return sum;
}

// Rows [i0, i1) of one panel: into a buffer, or stepped, from registers where a tile is a whole
// one. Then the sums of dW^2 of every `unit` rows are given.
void wide_rows(const RunState& r, const Workspace& ws, idx l, idx rows, idx panel, idx i0, idx i1,
               idx unit, double* sums, const GradientTarget& target) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& buffers = ws.layers[l];
    const idx width = panel_width(layer.n_out, panel), j = panel * PANEL,
              at = layer.w + j * layer.n_in;
    const real* const* ahead = l == 0 && width == PANEL ? ws.next_inputs : nullptr;
    TileArguments t = {.rows = inputs_of(ws, l),
                       .at = i0,
                       .K = rows,
                       .B = buffers.dz + j,
                       .B_ld = buffers.ld,
                       .start = nullptr,
                       .start_ld = 0,
                       .C = nullptr,
                       .C_ld = width,
                       .width = width,
                       .ahead = ahead};
    idx i = i0;
    if (!target.into && width == PANEL) {
        const idx high = best_rows(MOST_NV, rows), whole = (i1 - i0) / high * high;
        const Block first = block_at(r, at + i0 * width, nullptr, 0, target.constants->penalised);
        r.optimizer.rows(high, ahead)(t, first, whole, unit, sums, *target.constants);
        i += whole;
    }
    for (idx next; i < i1; i = next) {
        const idx k = (i - i0) / unit, begin = i0 + k * unit;
        next = least(begin + unit, i1);
        t.at = i;
        const double sum = tiled_rows(r, t, at + i * width, next - i, target);
        if (!target.into) sums[k] = i > begin ? sums[k] + sum : sum;
    }
}

// Units of a wide layer, panel by panel, so that a panel of dz stays in the cache while rows of W^T
// go by. The sums of squares of what goes into a buffer follow in `collect`.
void wide_gradient(const RunState& r, const Workspace& ws, idx l, idx rows, Range items,
                   const GradientTarget& target) {
    const Layer& layer = r.p.layers[l];
    const idx all = units(layer), high = unit_rows(layer);
    for (idx at = items.begin; at < items.end;) {
        const idx panel = at / all, u0 = at % all, u1 = least(all, u0 + items.end - at);
        wide_rows(r, ws, l, rows, panel, u0 * high, least(u1 * high, layer.n_in), high,
                  r.unit_sums + r.first_unit[l] + at, target);
        at += u1 - u0;
    }
}

INLINE V chain_sum(const real* dz, idx ld, idx rows, idx left) {
    if (left >= LANES) return column_sum(rows, [=](idx i) { return load(dz + i * ld); });
    return column_sum(rows, [=](idx i) { return load_first(dz + i * ld, left); });
}

void bias_gradient(const RunState& r, const Workspace& ws, idx l, idx rows,
                   const GradientTarget& target) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& buffers = ws.layers[l];
    alignas(64) real db[CHUNK];
    V squares = {};
    for (idx j0 = 0; j0 < layer.n_out; j0 += CHUNK) {
        const idx n = least(CHUNK, layer.n_out - j0);
        real* into = target.into ? target.into + layer.b + j0 : db;
        for (idx j = 0; j < n; j += LANES) {
            const real* dz = buffers.dz + j0 + j;
            const idx left = n - j;
            V sum = target.into && target.add ? read_part(into + j, left) : V{};
            for (idx k = 0; k < rows; k += target.chain)
                sum +=
                    chain_sum(dz + k * buffers.ld, buffers.ld, least(target.chain, rows - k), left);
            write_part(into + j, sum, left);
        }
        if (!target.into)
            squares += r.optimizer.update(bias_at(r, layer.b + j0, db, n), *target.constants);
    }
    if (!target.into) r.unit_sums[r.first_unit[l + 1] - 1] = (double)total(squares);
}

}  // namespace
}  // namespace chainrule
