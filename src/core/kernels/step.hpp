// step.hpp: the steps of a run, as every thread of the team goes through them. What is decided by a
// step (stop, scale) is decided by every thread alike, from the same numbers in the same order.
#pragma once

#include "tiny.hpp"

INLINE void wait(const Run_state& r, int thread) {
    if (r.team && r.team->threads > 1) r.team->barrier(r.team, thread);
}

static double batch_sum(const Run_state& r, idx batch, idx m) {
    const double* weights = static_cast<const double*>(r.p.weights);
    if (r.run.summed) return 1;
    if (!weights) return (double)m;
    double sum = 0;
    for (idx i = 0; i < m; i++) sum += weights[row_of(r, batch + i)];
    return sum;
}

static double penalty_value(const Run_state& r) {
    const Problem& p = r.p;
    double value = 0;
    if (r.run.summed || (p.l1 == 0 && p.l2 == 0)) return 0;
    for (idx l = 0; l < p.depth; l++)
        value += penalty_of(r.theta + p.layers[l].w, p.layers[l].n_in * p.layers[l].n_out, p.l1,
                            p.l2);
    return value;
}

static double sum_of(const double* x, idx n) {
    double sum = 0;
    for (idx i = 0; i < n; i++) sum += x[i];
    return sum;
}

// Forward and backward of some slices, k and those after it, of one part or of two that lie in one buffer.
static void block_of(Run_state& r, const Plan& plan, const Slice& slice, const Desk& d, idx k, const Sink& sink,
                     bool back) {
    load_rows(r, d, slice, 0, slice.rows);
    forward(r, d, slice, 0, slice.rows);
    for (idx first = 0; first < slice.rows; first += plan.slice)
        r.J[k + first / plan.slice] = cost_of_rows(r, d, first, least(first + plan.slice, slice.rows));
    if (!back) return;
    backward(r, d, 0, slice.rows);
    gradient(r, d, slice.rows, 0, 1, sink);
}

// Forward and backward of a whole batch, by parts: each part's slices in turn, by one thread.
static void parts_of(Run_state& r, const Plan& plan, idx batch, idx m, idx step, double sum, int n,
                     int of, bool back) {
    if (n >= takers_of(plan, of)) return;
    const Range mine = share_of(plan.parts, n, takers_of(plan, of));
    for (idx part = mine.begin, next; part < mine.end; part = next) {
        next = part + 1 + taken_together(plan, part, of);
        const idx end = share_of(plan.slices, (int)next - 1, (int)plan.parts).end;
        const idx begin = share_of(plan.slices, (int)part, (int)plan.parts).begin;
        for (idx k = begin; k < end; k += plan.block) {
            const idx first = k * plan.slice, rows = least(least(plan.block, end - k) * plan.slice, m - first);
            block_of(r, plan, {first, rows, batch, step, sum}, r.desks[n], k,
                     {r.gradients + part * r.p.parameters, k > begin, nullptr, plan.slice}, back);
        }
    }
}

// Whether the team shares a layer's forward product by panels of columns: each thread then reads the
// part of W^T that it changed itself, which is worth two more barriers where that part is large.
INLINE bool by_panels(const Run_state& r, idx l, int of) {
    constexpr idx WORTH_TWO_BARRIERS = 32 << 10;  // weights
    const Layer& layer = r.p.layers[l];
    const bool mixed = r.desks[0].sheets[l].slope == Slope::mixed && l < r.p.depth - 1;
    return of > 1 && panels(layer) > 1 && !mixed && layer.n_in * layer.n_out >= WORTH_TWO_BARRIERS;
}

// The share of thread n in a layer's forward product: units of rows, panel by panel.
static void forward_panels(const Run_state& r, const Slice& slice, idx l, int n, int of) {
    const Layer& layer = r.p.layers[l];
    const idx high = (slice.rows + ROWS - 1) / ROWS;
    const Range items = share_of(panels(layer) * high, n, of);
    for (idx at = items.begin; at < items.end;) {
        const idx c0 = at / high * PANEL, u0 = at % high, u1 = least(high, u0 + items.end - at);
        forward_layer(r, r.desks[0], slice, l,
                      {u0 * ROWS, least(u1 * ROWS, slice.rows), c0, least(c0 + PANEL, layer.n_out)});
        at += u1 - u0;
    }
}

// Whether the team shares a layer's backward product by the units below: then each thread reads a part of W^T
// alone, a batch of few rows keeps all of them busy, and each goes on with what it has worked out itself.
INLINE bool by_units_below(const Run_state& r, idx l, int of) {
    const bool mixed = r.desks[0].sheets[l - 1].slope == Slope::mixed;
    return of > 1 && !mixed && (!r.desks[0].W[l] || by_panels(r, l - 1, of));
}

// The share of thread n in a layer's backward product: units below, in whole lines or panels of W.
static void backward_share(const Run_state& r, idx rows, idx l, int n, int of) {
    const idx n_in = r.p.layers[l].n_in, high = r.desks[0].W[l] ? PANEL : ROWS;
    const auto [i0, i1] = share_by(high, n_in, n, of);
    if (i0 < i1) backward_units(r, r.desks[0], l, 0, rows, i0, i1);
    turn(r.desks[0].sheets[l - 1], n_in, 0, rows, i0, i1);
}

// Forward and backward of one slice, shared by the team: each thread its rows, 16 at a time, and in
// wide layers its columns. Whoever goes from columns to rows or to other columns waits for all.
static void slice_rows(Run_state& r, const Slice& slice, int n, int of, bool back) {
    const Desk& d = r.desks[0];
    const idx L = r.p.depth;
    const auto [r0, r1] = share_by(ROWS, slice.rows, n, of);
    if (r0 < r1) load_rows(r, d, slice, r0, r1);
    bool columns = false;
    for (idx l = 0; l < L; l++) {
        const bool shared = by_panels(r, l, of);
        if (shared || columns) wait(r, n);
        if (shared) forward_panels(r, slice, l, n, of);
        else if (r0 < r1) forward_layer(r, d, slice, l, {r0, r1, 0, r.p.layers[l].n_out});
        columns = shared;
    }
    if (columns) wait(r, n);
    for (idx row = r0; row < r1; row += ROWS)
        r.J[row / ROWS] = cost_of_rows(r, d, row, least(row + ROWS, slice.rows));
    turn(d.sheets[L - 1], r.p.layers[L - 1].n_out, r0, r1, 0, r.p.layers[L - 1].n_out);
    columns = false;
    for (idx l = L - 1; back && l > 0; l--) {
        const bool shared = by_units_below(r, l, of);
        if (shared || columns) wait(r, n);
        if (shared) backward_share(r, slice.rows, l, n, of);
        else if (r0 < r1) backward_layer(r, d, l, r0, r1);
        columns = shared;
    }
}

// Backward and update of a batch in one slice, once its cost is known to be finite: layer by layer, since what
// a layer passes back is had from W before its step.
static void step_layers(Run_state& r, idx rows, int n, int of, const Numbers& u) {
    const Desk& d = r.desks[0];
    const Sink sink = {nullptr, false, &u};
    const auto [r0, r1] = share_by(ROWS, rows, n, of);
    for (idx l = r.p.depth - 1; l >= 0; l--) {
        const Layer& layer = r.p.layers[l];
        if (r.da_parts[l]) {
            one_pass(r, d, l, rows, share_of(groups(layer) * one_pass_units(layer), n, of), u);
            wait(r, n);
            sum_parts(r, d, l, rows, n, of);
            wait(r, n);
        } else {
            if (l > 0 && by_units_below(r, l, of)) backward_share(r, rows, l, n, of);
            else if (l > 0 && r0 < r1) backward_layer(r, d, l, r0, r1);
            if (l > 0) wait(r, n);
            weight_gradient(r, d, l, rows, share_of(panels(layer) * units(layer), n, of), sink);
        }
        if (n == (int)(l % of)) bias_gradient(r, d, l, rows, sink);
    }
}

// The squares of each layer's gradient; false where one is not finite.
static bool squares_of_layers(const Run_state& r, double* squares) {
    bool good = true;
    for (idx l = 0; l < r.p.depth; l++) {
        const idx first = r.first_unit[l];
        const double sum = sum_of(r.unit_sums + first, r.first_unit[l + 1] - first);
        if (squares) squares[l] = sum;
        good = good && finite(sum);
    }
    return good;
}

// Makes W anew once theta has changed: by parts each thread its own, for which it need not wait.
static void refresh(const Run_state& r, int n, int of) {
    if (!r.full.by_parts) {
        refresh_all(r, r.desks[0], n, of);
        wait(r, n);
    } else if (n < takers_of(r.full, of)) {
        refresh_all(r, r.desks[n], 0, 1);
    }
}

// The step of a batch in which nothing waits for the whole gradient. False where that is not finite.
static bool step_at_once(Run_state& r, const Plan& plan, idx m, int n, int of, const Numbers& u, double* squares) {
    if (plan.by_parts) step_parts(r, pairs_of(plan, r.p.parameters, of), n, of, u);
    else if (r.one_pass) step_layers(r, m, n, of, u);
    else gradient(r, r.desks[0], m, n, of, {nullptr, false, &u});
    wait(r, n);
    const bool good = squares_of_layers(r, squares);
    if (!good && n == 0) r.why = End::unsure;  // some of theta is changed: the caller goes back
    if (good && plan.by_parts) refresh(r, n, of);
    return good;
}

// What follows when the whole gradient is there: the penalty's, clipping, the optimizer's step.
static bool finish_step(Run_state& r, const Plan& plan, int n, int of, const Numbers& u, double* squares) {
    const Problem& p = r.p;
    collect(r, pairs_of(plan, p.parameters, of), n, of, u);
    wait(r, n);
    if (!r.run.train) return true;
    if (!squares_of_layers(r, squares)) {
        if (n == 0) r.why = End::stopped;
        return false;
    }
    real factor = 1;
    if (p.clip_norm > 0) {
        const double norm = __builtin_sqrt(sum_of(r.clipped_sums, r.first_unit[p.depth]));
        if (norm > p.clip_norm) factor = (real)(p.clip_norm / norm);
    }
    apply(r, n, of, u, factor);
    wait(r, n);
    refresh(r, n, of);
    return true;
}

// A step from a gradient that others have worked out.
static void given_step(Run_state& r, int n, int of) {
    if (n == 0) r.done = 1;
    finish_step(r, {1, 1, 1, 1, false}, n, of, numbers_of(r.p, r.run.rates[0], r.run.first_step + 1),
                n == 0 ? r.run.squares : nullptr);
}

// One batch. Returns whether the run goes on.
static bool batch_step(Run_state& r, idx s, int n, int of) {
    const Problem& p = r.p;
    const Run& run = r.run;
    const idx batch = s * run.batch, m = least(run.batch, run.k - batch), step = run.first_step + s;
    const Plan plan = m == run.batch ? r.full : shortened(r.full, m);
    const double sum = batch_sum(r, batch, m);
    const bool back = run.train || run.dtheta;
    Numbers u = numbers_of(p, run.train ? run.rates[s] : 0, step + 1);
    if (run.summed) u.penalised = false;
    double J = 0;
    if (n == 0) r.penalty = penalty_value(r);
    if (plan.by_parts) {
        parts_of(r, plan, batch, m, step, sum, n, of, back);
        wait(r, n);
        J = sum_of(r.J, plan.slices);
    } else {
        for (idx k = 0; k < plan.slices; k++) {
            const idx first = k * plan.slice;
            const Slice slice = {first, least(plan.slice, m - first), batch, step, sum};
            slice_rows(r, slice, n, of, back && !r.one_pass);
            wait(r, n);
            J += sum_of(r.J, (slice.rows + ROWS - 1) / ROWS);
            if (r.fused) break;
            if (back) gradient(r, r.desks[0], slice.rows, n, of, {r.gradients, k > 0, nullptr});
            wait(r, n);
        }
    }
    J += r.penalty;
    if (n == 0) {
        run.costs[s] = J;
        r.done = s + 1;
    }
    double* squares = n == 0 && run.squares ? run.squares + s * p.depth : nullptr;
    if (run.train && !finite(J)) {
        if (squares)
            for (idx l = 0; l < p.depth; l++) squares[l] = (double)__builtin_nan("");
        return false;
    }
    if (r.fused) return step_at_once(r, plan, m, n, of, u, squares);
    return !back || finish_step(r, plan, n, of, u, squares);
}

static void work(void* workspace, int thread) {
    Run_state& r = *static_cast<Run_state*>(workspace);
    const int of = r.team ? r.team->threads : 1;
    if (r.run.given) return given_step(r, thread, of);
    move_all<true>(r, thread, of);
    wait(r, thread);
    if (r.tiny) {
        if (thread == 0) tiny(r);
    } else {
        refresh(r, thread, of);
        for (idx s = 0; s < r.batches; s++)
            if (!batch_step(r, s, thread, of)) break;
    }
    wait(r, thread);
    if (r.run.train && r.why != End::unsure) move_all<false>(r, thread, of);
    if (r.run.dtheta)
        move_theta<false>(r, static_cast<real*>(r.run.dtheta), r.gradients, thread, of);
}
