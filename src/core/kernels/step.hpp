// step.hpp: the steps of a run, as every thread of the team goes through them. What is decided by a
// step (stop, scale) is decided by every thread alike, from the same numbers in the same order.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "batch.hpp"
#include "optimizers.hpp"
#include "packing.hpp"
#include "partition.hpp"
#include "run_state.hpp"
#include "single_sample.hpp"
#include "slice.hpp"
#include "small_batch.hpp"
#include "whole_gradient.hpp"

namespace chainrule {
namespace {

// One batch, as each thread has it.
struct Batch {
    idx number, first, rows;  // its number in the run, its place in the order of rows
    idx step;                 // its number for optimizer and dropout
    double sum;               // of its weights, or its number of rows
    Partition partition;
    StepConstants constants;
};

double sum_of(const double* x, idx n) {
    double sum = 0;
    for (idx i = 0; i < n; i++) sum += x[i];
    return sum;
}

double weight_of(const RunState& r, idx first, idx rows) {
    const double* weights = static_cast<const double*>(r.p.weights);
    if (r.run.summed) return 1;
    if (!weights) return (double)rows;
    double sum = 0;
    for (idx i = 0; i < rows; i++) sum += weights[row_of(r, first + i)];
    return sum;
}

double penalty_value(const RunState& r) {
    const Problem& p = r.p;
    double value = 0;
    if (r.run.summed || (p.l1 == 0 && p.l2 == 0)) return 0;
    for (idx l = 0; l < p.depth; l++)
        value += penalty_of(r.theta + p.layers[l].w, size_of_W(p.layers[l]), p.l1, p.l2);
    return value;
}

Batch batch_of(const RunState& r, idx number) {
    const Run& run = r.run;
    const idx first = number * run.batch, rows = least(run.batch, run.k - first),
              step = run.first_step + number;
    const bool whole = rows == run.batch;
    Batch batch = {.number = number,
                   .first = first,
                   .rows = rows,
                   .step = step,
                   .sum = weight_of(r, first, rows),
                   .partition = whole ? r.plan.partition : shortened(r.plan.partition, rows),
                   .constants = constants_of(r.p, run.train ? run.rates[number] : 0, step + 1)};
    if (run.summed) batch.constants.penalised = false;
    return batch;
}

// The slices [k, k + count) of a batch.
Slice slice_of(const Batch& batch, idx k, idx count = 1) {
    const idx size = batch.partition.slice, first = k * size;
    return {.first = first,
            .rows = least(count * size, batch.rows - first),
            .batch = batch.first,
            .step = batch.step,
            .sum = batch.sum};
}

// Makes W anew once theta has changed: by parts each thread its own, for which it need not wait.
void refresh(const RunState& r, int thread, int threads) {
    if (!r.plan.partition.by_parts) {
        refresh_all(r, r.workspaces[0], thread, threads);
        wait(r, thread);
    } else if (thread < takers_of(r.plan.partition, threads)) {
        refresh_all(r, r.workspaces[thread], 0, 1);
    }
}

// Where the squares of a batch's layers go: one thread writes them, if it is asked for.
INLINE double* squares_at(const RunState& r, idx number, int thread) {
    return thread == 0 && r.run.squares ? r.run.squares + number * r.p.depth : nullptr;
}

// The squares of each layer's gradient; false where one is not finite.
bool squares_of_layers(const RunState& r, double* squares) {
    bool good = true;
    for (idx l = 0; l < r.p.depth; l++) {
        const idx first = r.first_unit[l];
        const double sum = sum_of(r.unit_sums + first, r.first_unit[l + 1] - first);
        if (squares) squares[l] = sum;
        good = good && finite(sum);
    }
    return good;
}

// Notes the cost of a batch. Returns whether a step may follow.
bool note_cost(RunState& r, const Batch& batch, double J, int thread) {
    if (r.stop && thread == 0) r.why = End::stopped;
    if (r.stop) return false;
    J += r.penalty;
    if (thread == 0) {
        r.run.costs[batch.number] = J;
        r.done = batch.number + 1;
    }
    if (!r.run.train || finite(J)) return true;
    if (double* squares = squares_at(r, batch.number, thread))
        for (idx l = 0; l < r.p.depth; l++) squares[l] = (double)__builtin_nan("");
    return false;
}

// The end of a step that waited for no whole gradient. Where that is not finite, some of theta has
// changed: the caller of the run goes back.
bool note_squares(RunState& r, const Batch& batch, int thread) {
    const bool good = squares_of_layers(r, squares_at(r, batch.number, thread));
    if (!good && thread == 0) r.why = End::unsure;
    return good;
}

// The rest of a step once the whole gradient is there: the penalty's, clipping, the optimizer.
bool finish_step(RunState& r, const Partition& partition, const StepConstants& constants,
                 double* squares, int thread, int threads) {
    const Problem& p = r.p;
    collect(r, pairs_of(partition, p.parameters, threads), thread, threads, constants);
    wait(r, thread);
    if (!r.run.train) return true;
    if (!squares_of_layers(r, squares)) {
        if (thread == 0) r.why = End::stopped;
        return false;
    }
    real factor = 1;
    if (p.clip_norm > 0) {
        const double norm = __builtin_sqrt(sum_of(r.clipped_sums, r.first_unit[p.depth]));
        if (norm > p.clip_norm) factor = (real)(p.clip_norm / norm);
    }
    apply(r, thread, threads, constants, factor);
    wait(r, thread);
    refresh(r, thread, threads);
    return true;
}

// Each thread takes its parts, slice by slice, into the parts' gradients.
void pass_parts(RunState& r, const Batch& batch, int thread, int threads) {
    const Partition& cut = batch.partition;
    const int takers = takers_of(cut, threads);
    if (thread >= takers) return;
    const Range mine = share_of(cut.parts, thread, takers);
    for (idx part = mine.begin, next; part < mine.end; part = next) {
        next = part + 1 + taken_together(cut, part, threads);
        const idx begin = share_of(cut.slices, part, cut.parts).begin;
        const idx end = share_of(cut.slices, next - 1, cut.parts).end;
        for (idx k = begin; k < end; k += cut.block) {
            if (stops(r, thread)) return;
            const GradientTarget target = {
                .into = r.gradients + part * r.p.parameters, .add = k > begin, .chain = cut.slice};
            pass_block(r, r.workspaces[thread], slice_of(batch, k, least(cut.block, end - k)),
                       r.J + k, target);
        }
    }
}

// Schedule::parts: each thread takes whole parts of the batch.
bool step_by_parts(RunState& r, const Batch& batch, int thread, int threads) {
    pass_parts(r, batch, thread, threads);
    wait(r, thread);
    if (!note_cost(r, batch, sum_of(r.J, batch.partition.slices), thread)) return false;
    if (!r.plan.backward) return true;
    if (r.plan.whole_gradient)
        return finish_step(r, batch.partition, batch.constants, squares_at(r, batch.number, thread),
                           thread, threads);
    step_parts(r, pairs_of(batch.partition, r.p.parameters, threads), thread, threads,
               batch.constants);
    wait(r, thread);
    if (!note_squares(r, batch, thread)) return false;
    refresh(r, thread, threads);
    return true;
}

// The sum of a slice's costs, which its units of rows have left in J.
INLINE double slice_cost(const RunState& r, const Slice& slice) {
    return sum_of(r.J, (slice.rows + ROWS - 1) / ROWS);
}

// Schedule::slices: the team takes slice after slice.
bool step_by_slices(RunState& r, const Batch& batch, int thread, int threads) {
    double J = 0;
    for (idx k = 0; k < batch.partition.slices; k++) {
        const Slice slice = slice_of(batch, k);
        stops(r, thread);
        forward_slice(r, slice, thread, threads);
        if (r.plan.backward) backward_slice(r, slice, thread, threads);
        stops(r, thread);
        wait(r, thread);
        if (r.stop) break;
        J += slice_cost(r, slice);
        const GradientTarget target = {.into = r.gradients, .add = k > 0};
        if (r.plan.backward)
            gradient_slice(r, r.workspaces[0], slice.rows, thread, threads, target);
        wait(r, thread);
    }
    if (!note_cost(r, batch, J, thread)) return false;
    if (!r.plan.backward) return true;
    return finish_step(r, batch.partition, batch.constants, squares_at(r, batch.number, thread),
                       thread, threads);
}

// Schedule::fused: one slice, and each tile of dW is stepped as it arises.
bool step_fused(RunState& r, const Batch& batch, int thread, int threads) {
    const Slice slice = slice_of(batch, 0);
    forward_slice(r, slice, thread, threads);
    backward_slice(r, slice, thread, threads);
    wait(r, thread);
    if (!note_cost(r, batch, slice_cost(r, slice), thread)) return false;
    gradient_slice(r, r.workspaces[0], slice.rows, thread, threads,
                   {.constants = &batch.constants});
    wait(r, thread);
    return note_squares(r, batch, thread);
}

// Schedule::small_batch: backward and update, layer by layer; what a layer passes back is computed
// from W before its step.
bool step_small_batch(RunState& r, const Batch& batch, int thread, int threads) {
    const Slice slice = slice_of(batch, 0);
    forward_slice(r, slice, thread, threads);
    wait(r, thread);
    if (!note_cost(r, batch, slice_cost(r, slice), thread)) return false;
    const GradientTarget target = {.constants = &batch.constants};
    for (idx l = r.p.depth - 1; l >= 0; l--) {
        if (r.plan.layers[l].update == Update::one_pass) {
            step_in_one_pass(r, l, slice.rows, thread, threads, target);
            continue;
        }
        if (l > 0) {
            backward_share(r, slice.rows, l, share_by(ROWS, slice.rows, thread, threads), thread,
                           threads);
            wait(r, thread);
        }
        gradient(r, r.workspaces[0], l, slice.rows, thread, threads, target);
    }
    wait(r, thread);
    return note_squares(r, batch, thread);
}

// One batch. Returns whether the run goes on.
bool batch_step(RunState& r, idx number, int thread, int threads) {
    const Batch batch = batch_of(r, number);
    if (thread == 0) r.penalty = penalty_value(r);
    stops(r, thread);
    switch (r.plan.schedule) {
        case Schedule::parts: return step_by_parts(r, batch, thread, threads);
        case Schedule::slices: return step_by_slices(r, batch, thread, threads);
        case Schedule::fused: return step_fused(r, batch, thread, threads);
        case Schedule::small_batch: return step_small_batch(r, batch, thread, threads);
        case Schedule::single_sample:
        case Schedule::from_gradient: break;  // see work
    }
    return false;
}

// A step from a gradient that others have computed.
void step_from_gradient(RunState& r, int thread, int threads) {
    if (thread == 0) r.done = 1;
    const Partition one = {.slice = 1, .slices = 1, .parts = 1, .block = 1, .by_parts = false};
    finish_step(r, one, constants_of(r.p, r.run.rates[0], r.run.first_step + 1),
                squares_at(r, 0, thread), thread, threads);
}

// A run, as one thread goes through it.
void work(void* memory, int thread) {
    RunState& r = *static_cast<RunState*>(memory);
    const int threads = r.plan.threads;
    if (r.plan.schedule == Schedule::from_gradient) return step_from_gradient(r, thread, threads);
    move_all<true>(r, thread, threads);
    wait(r, thread);
    if (r.plan.schedule == Schedule::single_sample) {
        if (thread == 0) run_single_samples(r);
    } else {
        refresh(r, thread, threads);
        for (idx s = 0; s < r.batches; s++)
            if (!batch_step(r, s, thread, threads)) break;
    }
    wait(r, thread);
    if (r.run.train && r.why != End::unsure) move_all<false>(r, thread, threads);
    if (r.run.dtheta)
        move_theta<false>(r, static_cast<real*>(r.run.dtheta), r.gradients, thread, threads);
}

}  // namespace
}  // namespace chainrule
