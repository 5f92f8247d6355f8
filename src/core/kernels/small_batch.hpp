// small_batch.hpp: backward and update of a wide layer in one pass over W^T, for batches of few
// rows, whose time is that of reading W^T and writing it back. Each thread takes the panels by
// which it multiplied on the way forward, so that it finds them in its own cache: da^{l-1} is then
// a sum over panels, and it is taken in the order of the groups that panels come in, however many
// threads there are.
#pragma once

#include "affine_gradient.hpp"
#include "backward_wide.hpp"
#include "layer_activation.hpp"
#include "partition.hpp"
#include "run_state.hpp"
#include "slice.hpp"

namespace chainrule {
namespace {

// Rows of W^T that a thread takes backward and then steps: whole tiles, and whole registers of
// units below; so few that the second pass finds them in the first cache.
constexpr idx UNIT = 48;

// What is left at the end is a unit of its own where a tile fits in, otherwise part of the last
// one: then no tile reads what another thread steps.
INLINE idx one_pass_units(const Layer& layer) {
    const idx units = (layer.n_in + UNIT - WIDE_HIGH) / UNIT;
    return units > 1 ? units : 1;
}
INLINE Range rows_of_unit(const Layer& layer, idx unit) {
    const bool last = unit + 1 == one_pass_units(layer);
    return {unit * UNIT, last ? layer.n_in : (unit + 1) * UNIT};
}

// Items [begin, end) of a layer: its units of rows, group by group of panels. Each gives its part
// of da^{l-1} and is then stepped.
void backward_and_update(const RunState& r, const Workspace& ws, idx l, idx rows, Range items,
                         const StepConstants& constants) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& buffers = ws.layers[l];
    const idx units = one_pass_units(layer), ld = padded(layer.n_in), per = panels_of_group(layer);
    for (idx item = items.begin; item < items.end; item++) {
        const idx group = item / units;
        const auto [i0, i1] = rows_of_unit(layer, item % units);
        const idx first = group * per, last = least(first + per, panels(layer));
        double sum = 0;
        const WidePanels wide = {.W_T = r.theta + layer.w,
                                 .layer = &layer,
                                 .first = first,
                                 .last = last,
                                 .dz_T = buffers.dz_T};
        wide_units(wide, i0, i1, r.da_parts[l] + group * rows * ld, ld, rows);
        for (idx panel = first; panel < last; panel++) {
            double of_panel;
            wide_rows(r, ws, l, rows, panel, i0, i1, 2 * UNIT, &of_panel,
                      {.constants = &constants});
            sum += of_panel;
        }
        r.unit_sums[r.first_unit[l] + item] = sum;
    }
}

// dz^{l-1} from the groups' parts: a thread's share, units of the layer below in whole lines.
void sum_parts(const RunState& r, const Workspace& ws, idx l, idx rows, int thread, int threads) {
    const Layer& layer = r.p.layers[l];
    const LayerBuffers& below = ws.layers[l - 1];
    const idx ld = padded(layer.n_in);
    const auto [i0, i1] = share_by(ROWS, layer.n_in, thread, threads);
    for (idx m = 0; m < rows && i0 < i1; m++) {
        for (idx i = i0; i < i1; i += LANES) {
            const real* part = r.da_parts[l] + m * ld + i;
            V sum = load(part);
            for (idx group = 1; group < groups(layer); group++)
                sum += load(part + group * rows * ld);
            write_part(below.dz + m * below.ld + i, sum, i1 - i);
        }
        times_slope_of(below, m * below.ld + i0, i1 - i0);
    }
    transpose_dz(below, layer.n_in, 0, rows, i0, i1);
}

// A layer's part of a step in one pass, by each thread; bias_gradient steps b.
void step_in_one_pass(const RunState& r, idx l, idx rows, int thread, int threads,
                      const GradientTarget& target) {
    const Layer& layer = r.p.layers[l];
    const Workspace& ws = r.workspaces[0];
    const Range items = share_of(groups(layer) * one_pass_units(layer), thread, threads);
    backward_and_update(r, ws, l, rows, items, *target.constants);
    wait(r, thread);
    sum_parts(r, ws, l, rows, thread, threads);
    wait(r, thread);
    if (thread == (int)(l % threads)) bias_gradient(r, ws, l, rows, target);
}

}  // namespace
}  // namespace chainrule
