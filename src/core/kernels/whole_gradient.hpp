// whole_gradient.hpp: what follows once a batch's gradient is there, in one piece or in parts:
// their sum, the penalty's gradient, clipping by value, and the optimizer's step.
#pragma once

#include "../core.hpp"
#include "optimizers.hpp"
#include "partition.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// A unit of a layer once its gradient is whole: its part of theta, wherever that lies in W^T, and
// its place among all units.
struct Unit {
    idx begin, end, place;
    bool bias;
};
INLINE Unit unit_of(const RunState& r, idx l, idx unit) {
    const Layer& layer = r.p.layers[l];
    const idx place = r.first_unit[l] + unit;
    if (unit == units(layer)) return {layer.b, layer.b + column_numbers(layer), place, true};
    const idx high = unit_rows(layer), end = least((unit + 1) * high, layer.n_in);
    return {layer.w + unit * high * layer.n_out, layer.w + end * layer.n_out, place, false};
}
INLINE Block unit_block(const RunState& r, const Unit& unit, idx at, const real* g, idx n,
                        bool penalise) {
    return unit.bias ? bias_at(r, at, g, n) : block_at(r, at, g, n, penalise);
}

// A thread's share in all units.
template <class Work>
INLINE void each_unit(const RunState& r, int thread, int threads, Work work) {
    for (idx l = 0; l < r.p.depth; l++) {
        const Range mine = share_of(units(r.p.layers[l]) + 1, thread, threads);
        for (idx unit = mine.begin; unit < mine.end; unit++) work(unit_of(r, l, unit));
    }
}

// The register of the whole gradient at j, of which `left` numbers are there.
INLINE V sum_at(const RunState& r, const PartPairs& pairs, idx j, idx left) {
    V sum = {};
    for (idx k = 0; k < pairs.count; k++) {
        V g = read_part(r.gradients + pairs.first[k] + j, left);
        if (pairs.second[k] >= 0) g += read_part(r.gradients + pairs.second[k] + j, left);
        sum += g;
    }
    return sum;
}

// The optimizer's step from the parts of the gradient, which need not be whole first.
void step_parts(const RunState& r, const PartPairs& pairs, int thread, int threads,
                const StepConstants& constants) {
    each_unit(r, thread, threads, [&](const Unit& unit) {
        alignas(64) real g[CHUNK];
        V squares = {};
        for (idx at = unit.begin; at < unit.end; at += CHUNK) {
            const idx size = least(CHUNK, unit.end - at);
            for (idx j = 0; j < size; j += LANES) store(g + j, sum_at(r, pairs, at + j, size - j));
            squares += r.optimizer.update(unit_block(r, unit, at, g, size, constants.penalised),
                                          constants);
        }
        r.unit_sums[unit.place] = (double)total(squares);
    });
}

// The whole gradient: the parts summed in order, the penalty's gradient, clipping by value.
void collect(const RunState& r, const PartPairs& pairs, int thread, int threads,
             const StepConstants& constants) {
    const Problem& p = r.p;
    const V limit = broadcast((real)p.clip_value);
    each_unit(r, thread, threads, [&](const Unit& unit) {
        V squares = {}, clipped = {};
        for (idx j = unit.begin; j < unit.end; j += LANES) {
            const idx left = unit.end - j;
            V g = sum_at(r, pairs, j, left);
            if (constants.penalised && !unit.bias)
                g += penalty_slope(read_part(r.theta + j, left), constants);
            squares += g * g;
            if (r.run.train && p.clip_value > 0) g = max(min(g, limit), -limit);
            clipped += g * g;
            write_part(r.gradients + j, g, left);
        }
        r.unit_sums[unit.place] = (double)total(squares);
        r.clipped_sums[unit.place] = (double)total(clipped);
    });
}

// The optimizer's step from the whole gradient, shortened by `factor`.
void apply(const RunState& r, int thread, int threads, const StepConstants& constants,
           real factor) {
    each_unit(r, thread, threads, [&](const Unit& unit) {
        const idx size = unit.end - unit.begin;
        real* g = r.gradients + unit.begin;
        if (factor != 1)
            for (idx j = 0; j < size; j++) g[j] *= factor;
        r.optimizer.update(unit_block(r, unit, unit.begin, g, size, false), constants);
    });
}

}  // namespace
}  // namespace chainrule
