// packing.hpp: from the caller's theta to the run's own, and back. In the caller's each W^T is
// row-major; in the run's own it lies in panels, so that what a product reads lies in one piece,
// and what a thread changes shares no line of the cache with what another reads. Layers that
// propagate back by products have W as well. The caller's theta stays as it was until the run is
// done.
#pragma once

#include "../core.hpp"
#include "partition.hpp"
#include "run_state.hpp"
#include "transpose.hpp"

namespace chainrule {
namespace {

// n reals from the caller's array to the run's own (packing), or back.
template <bool packing>
INLINE void move(real* caller, real* own, idx n) {
    __builtin_memcpy(packing ? own : caller, packing ? caller : own, (std::size_t)n * sizeof(real));
}

// A thread's share in moving one array of P numbers.
template <bool packing>
void move_theta(const RunState& r, real* caller, real* own, int thread, int threads) {
    idx item = 0;
    for (idx l = 0; l < r.p.depth; l++) {
        const Layer &from = r.callers[l], &to = r.p.layers[l];
        for (idx panel = 0; panel < panels(to); panel++) {
            if (item++ % threads != thread) continue;
            const idx width = panel_width(to.n_out, panel), j = panel * PANEL;
            real* at = own + to.w + j * to.n_in;
            if (width == to.n_out) {
                move<packing>(caller + from.w, at, to.n_in * width);
                continue;
            }
            for (idx i = 0; i < to.n_in; i++)
                move<packing>(caller + from.w + i * to.n_out + j, at + i * width, width);
        }
        if (item++ % threads == thread)
            move<packing>(caller + from.b, own + to.b, column_numbers(to));
    }
}

// Theta, and what the optimizer keeps for each of its numbers.
template <bool packing>
void move_all(const RunState& r, int thread, int threads) {
    idx parameters = 0;
    for (idx l = 0; l < r.p.depth; l++)
        parameters += size_of_W(r.p.layers[l]) + column_numbers(r.p.layers[l]);
    move_theta<packing>(r, static_cast<real*>(r.run.theta), r.theta, thread, threads);
    if (!r.run.train) return;
    for (idx slot = 0; slot < r.p.slots; slot++)
        move_theta<packing>(r, static_cast<real*>(r.run.state) + slot * parameters,
                            r.state + slot * r.p.parameters, thread, threads);
}

// Rows [i0, i1) of a panel of W^T of layer l have changed: W follows.
void refresh_W(const RunState& r, const Workspace& ws, idx l, idx i0, idx i1, idx panel) {
    if (!is_product(r.plan.layers[l].backward)) return;
    const Layer& layer = r.p.layers[l];
    const idx width = panel_width(layer.n_out, panel), j = panel * PANEL;
    const real* from = r.theta + layer.w + j * layer.n_in;
    for (idx i = i0, next; i < i1; i = next) {
        const idx across = i / PANEL, ld = padded(panel_width(layer.n_in, across));
        next = least((across + 1) * PANEL, i1);
        real* to = ws.W[l] + across * PANEL * layer.n_out + j * ld + i - across * PANEL;
        transpose(from + i * width, width, next - i, width, to, ld);
    }
}

// A thread's share in making a workspace's W anew.
void refresh_all(const RunState& r, const Workspace& ws, int thread, int threads) {
    for (idx l = 1; l < r.p.depth; l++) {
        const Layer& layer = r.p.layers[l];
        const Range rows = share_of(layer.n_in, thread, threads);
        for (idx panel = 0; panel < panels(layer); panel++)
            refresh_W(r, ws, l, rows.begin, rows.end, panel);
    }
}

}  // namespace
}  // namespace chainrule
