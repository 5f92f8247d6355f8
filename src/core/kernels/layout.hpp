// layout.hpp: from the caller's theta to the run's own, and back. In the caller's each W^T is row-major;
// in the run's own it lies in panels, so that what a product reads lies in one piece, and what a
// thread changes shares no line of the cache with what another reads. Layers that propagate back by
// products have W as well. The caller's theta stays as it was until the run is done.
#pragma once

#include "forward.hpp"

// n reals from the caller's array to the run's own, or back.
template <bool in>
INLINE void move(real* given, real* own, idx n) {
    __builtin_memcpy(in ? own : given, in ? given : own, (std::size_t)n * sizeof(real));
}

// The share of thread n of `of` in moving one array of P numbers.
template <bool in>
static void move_theta(const Run_state& r, real* given, real* own, int n, int of) {
    idx item = 0;
    for (idx l = 0; l < r.p.depth; l++) {
        const Layer &from = r.callers[l], &to = r.p.layers[l];
        for (idx panel = 0; panel < panels(to); panel++) {
            if (item++ % of != n) continue;
            const idx width = panel_width(to.n_out, panel), j = panel * PANEL;
            real* at = own + to.w + j * to.n_in;
            if (width == to.n_out) {
                move<in>(given + from.w, at, to.n_in * width);
                continue;
            }
            for (idx i = 0; i < to.n_in; i++)
                move<in>(given + from.w + i * to.n_out + j, at + i * width, width);
        }
        if (item++ % of == n) move<in>(given + from.b, own + to.b, to.n_out);
    }
}

// Theta, and what the optimizer keeps for each of its numbers.
template <bool in>
static void move_all(const Run_state& r, int n, int of) {
    idx given = 0;
    for (idx l = 0; l < r.p.depth; l++) given += (r.p.layers[l].n_in + 1) * r.p.layers[l].n_out;
    move_theta<in>(r, static_cast<real*>(r.run.theta), r.theta, n, of);
    if (!r.run.train) return;
    for (idx slot = 0; slot < r.p.slots; slot++)
        move_theta<in>(r, static_cast<real*>(r.run.state) + slot * given,
                       r.state + slot * r.p.parameters, n, of);
}

// Rows [i0, i1) of a panel of W^T of layer l have changed: W follows.
static void refresh_W(const Run_state& r, const Desk& d, idx l, idx i0, idx i1, idx panel) {
    if (!d.W[l]) return;
    const Layer& layer = r.p.layers[l];
    const idx width = panel_width(layer.n_out, panel), j = panel * PANEL;
    const real* from = r.theta + layer.w + j * layer.n_in;
    for (idx i = i0, next; i < i1; i = next) {
        const idx across = i / PANEL, ld = padded(panel_width(layer.n_in, across));
        next = least((across + 1) * PANEL, i1);
        real* to = d.W[l] + across * PANEL * layer.n_out + j * ld + i - across * PANEL;
        transpose(from + i * width, width, next - i, width, to, ld);
    }
}

// The share of thread n of `of` in making a desk's W anew.
static void refresh_all(const Run_state& r, const Desk& d, int n, int of) {
    for (idx l = 1; l < r.p.depth; l++) {
        const Layer& layer = r.p.layers[l];
        const Range rows = share_of(layer.n_in, n, of);
        for (idx panel = 0; panel < panels(layer); panel++)
            refresh_W(r, d, l, rows.begin, rows.end, panel);
    }
}
