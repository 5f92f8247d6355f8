// elementwise.hpp: ops of which column j of y depends on column j of x and on numbers of its own,
// p: y = f(x, p). An op is its Formula, in a file of its own; forward, backward and gradient follow
// from that.
#pragma once

#include "../core.hpp"
#include "affine_outputs.hpp"
#include "column_sum.hpp"
#include "dropout.hpp"
#include "layer_activation.hpp"
#include "partition.hpp"
#include "run_state.hpp"

namespace chainrule {
namespace {

// Of a register of columns, whose numbers are p[0], p[1], ...:
//   y(x, p)          f
//   dx(x, dy, p)     dy times the slope of f by x
//   dp(x, dy, p, k)  dy times the slope of f by p[k], of one row
template <Op op>
struct Formula;

template <Op op>
struct Elementwise {
    static constexpr int NUMBERS = OPS[(int)op].slots;

    struct Columns {
        V p[NUMBERS > 0 ? NUMBERS : 1];
    };
    INLINE Columns columns_at(const Layer& layer, const real* theta, idx j) {
        Columns columns = {};
        UNROLL_FOR (int k = 0; k < NUMBERS; k++)
            columns.p[k] = read_part(theta + layer.b + k * layer.n_out + j, layer.n_out - j);
        return columns;
    }

    // y = f(x, p) of some rows.
    static void outputs(const Layer& layer, const real* theta, const OutputRows& rows) {
        const idx n = layer.n_out;
        for (idx i = 0; i < rows.count; i++)
            for (idx j = 0; j < n; j += LANES) {
                const Columns columns = columns_at(layer, theta, j);
                const V x = read_part(rows.x[i] + j, n - j);
                write_part(rows.y + i * rows.ld + j, Formula<op>::y(x, columns.p), n - j);
            }
    }

    // The same of a region, and dropout.
    static void forward(const RunState& r, const Workspace& ws, const Slice& slice, idx l,
                        const Region& at) {
        const LayerBuffers& buffers = ws.layers[l];
        outputs(r.p.layers[l], r.theta,
                {.x = inputs_of(ws, l) + at.r0,
                 .count = at.r1 - at.r0,
                 .y = buffers.a + at.r0 * buffers.ld,
                 .ld = buffers.ld,
                 .last = false});
        if (buffers.df) drop_rows(r, buffers, slice, l, at.r0, at.r1);
    }

    // da_prev = dy df/dx, dz_prev = da_prev f'(z_prev), of rows [r0, r1) and units [i0, i1) below.
    static void backward(const RunState& r, const Workspace& ws, idx l, idx r0, idx r1, idx i0,
                         idx i1) {
        const Layer& layer = r.p.layers[l];
        const LayerBuffers &buffers = ws.layers[l], &below = ws.layers[l - 1];
        for (idx i = r0; i < r1; i++) {
            const real *x = below.rows[i], *dy = buffers.dz_rows[i];
            real* const dx = below.dz + i * below.ld;
            for (idx j = i0; j < i1; j += LANES) {
                const Columns columns = columns_at(layer, r.theta, j);
                const V slopes =
                    Formula<op>::dx(read_part(x + j, i1 - j), read_part(dy + j, i1 - j), columns.p);
                write_part(dx + j, slopes, i1 - j);
            }
            times_slope_of(below, i * below.ld + i0, i1 - i0);
        }
    }

    // dp = sum of dy df/dp over the rows. The share of a thread: whole lines of columns.
    static void gradient(const RunState& r, const Workspace& ws, idx l, idx rows, int thread,
                         int threads, const GradientTarget& target) {
        const Layer& layer = r.p.layers[l];
        const real* const* x = inputs_of(ws, l);
        const real* const* dy = ws.layers[l].dz_rows;
        const auto [j0, j1] = share_by(LINE, layer.n_out, thread, threads);
        for (idx j = j0; j < j1; j += LANES) {
            const Columns columns = columns_at(layer, r.theta, j);
            const idx left = layer.n_out - j;
            for (int k = 0; k < NUMBERS; k++) {
                real* const into = target.into + layer.b + k * layer.n_out + j;
                V sum = target.add ? read_part(into, left) : V{};
                for (idx first = 0; first < rows; first += target.chain)
                    sum += column_sum(least(target.chain, rows - first), [&](idx i) {
                        return Formula<op>::dp(read_part(x[first + i] + j, left),
                                               read_part(dy[first + i] + j, left), columns.p, k);
                    });
                write_part(into, sum, left);
            }
        }
    }
};

}  // namespace
}  // namespace chainrule
