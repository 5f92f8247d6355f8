// onepass.hpp: backward and update of a wide layer in one pass over W^T, for batches of few rows, whose time is
// that of reading W^T and writing it back. Each thread takes the panels by which it multiplied on the way
// forward, so that it finds them in its own cache: da^{l-1} is then a sum over panels, and it is taken in
// the order of the groups that panels come in, however many threads there are.
#pragma once

#include "gradient.hpp"

constexpr idx UNIT = 48;  // rows of W^T: whole tiles, and whole registers of units below

// What is left at the end is a unit of its own where a tile fits in, otherwise part of the last one: then no tile reads
// what another thread steps.
INLINE idx one_pass_units(const Layer& layer) {
    const idx units = (layer.n_in + UNIT - TURNED_HIGH) / UNIT;
    return units > 1 ? units : 1;
}
INLINE Range rows_of_unit(const Layer& layer, idx unit) {
    const bool last = unit + 1 == one_pass_units(layer);
    return {unit * UNIT, last ? layer.n_in : (unit + 1) * UNIT};
}

// Items [begin, end) of a layer: its units of rows, group by group of panels. Each gives its part of da^{l-1}
// and is then stepped.
static void one_pass(const Run_state& r, const Desk& d, idx l, idx rows, Range items, const Numbers& u) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const idx units = one_pass_units(layer), ld = padded(layer.n_in), per = panels_of_group(layer);
    for (idx item = items.begin; item < items.end; item++) {
        const idx group = item / units;
        const auto [i0, i1] = rows_of_unit(layer, item % units);
        const idx first = group * per, last = least(first + per, panels(layer));
        double sum = 0;
        turned_units({r.theta + layer.w, &layer, first, last, s.dz_T}, i0, i1, r.da_parts[l] + group * rows * ld,
                     ld, rows);
        for (idx panel = first; panel < last; panel++) {
            double of_panel;
            wide_rows(r, d, l, rows, panel, i0, i1, 2 * UNIT, &of_panel, {nullptr, false, &u});
            sum += of_panel;
        }
        r.unit_sums[r.first_unit[l] + item] = sum;
    }
}

// dz^{l-1} from the groups' parts: the share of thread n, units of the layer below in whole lines.
static void sum_parts(const Run_state& r, const Desk& d, idx l, idx rows, int n, int of) {
    const Layer& layer = r.p.layers[l];
    const Sheet& to = d.sheets[l - 1];
    const idx ld = padded(layer.n_in);
    const auto [i0, i1] = share_by(ROWS, layer.n_in, n, of);
    for (idx m = 0; m < rows && i0 < i1; m++) {
        for (idx i = i0; i < i1; i += LANES) {
            const real* part = r.da_parts[l] + m * ld + i;
            V sum = load(part);
            for (idx group = 1; group < groups(layer); group++) sum += load(part + group * rows * ld);
            write_part(to.dz + m * to.ld + i, sum, i1 - i);
        }
        slope_times(to, m * to.ld + i0, i1 - i0);
    }
    turn(to, layer.n_in, 0, rows, i0, i1);
}
