// backward_wide.hpp: da^{l-1} = dz^l W^l of a wide layer with samples along the lanes: (da^{l-1})^T
// = W^T (dz^l)^T. W^T is read as it lies and needs no W alongside it. Samples come in groups of as
// many as there are lanes; a last group of fewer takes several lanes a sample, S of them, each for
// every S-th product of a sum.
#pragma once

#include "../core.hpp"
#include "partition.hpp"
#include "product.hpp"
#include "run_state.hpp"
#include "tile.hpp"
#include "transpose.hpp"

namespace chainrule {
namespace {

// Units of the layer below in a tile: whole registers once it is turned back, with sums enough to
// fill the pipeline. A tile that asks the memory for what follows takes half as many, and twice the
// samples with each line.
constexpr int WIDE_HIGH = MANY_REGISTERS ? 16 : LANES == 8 ? 8 : 12, FAR_HIGH = WIDE_HIGH / 2;

// Lanes that a sample takes in a group of this size.
INLINE idx lanes_of_sample(idx samples) {
    idx S = 1;
    while (2 * S * samples <= LANES) S *= 2;
    return S;
}

// Panels [first, last) of W^T, and groups of dz^T from one on: the entry of sample m and unit j of
// a group is at j / S * LANES + m * S + j % S, and the groups are n_l * LANES numbers apart.
struct WidePanels {
    const real* W_T;
    const Layer* layer;
    idx first, last;
    const real* dz_T;
};

// Adds a panel of `width` columns to the sums of a tile; w is the first of its rows.
template <int S, int MR, int NV, Alongside alongside>
INLINE void add_panel(V (&c)[MR][NV], const real* w, const real* next, idx width, const real* dz_T,
                      idx apart) {
    constexpr idx LINE = 64 / (idx)sizeof(real);
    const auto add = [&](auto&& entries) __attribute__((always_inline)) {
        V z[NV];
        UNROLL_FOR (int v = 0; v < NV; v++) z[v] = load(dz_T + v * apart);
        UNROLL_FOR (int i = 0; i < MR; i++) {
            const V x = entries(i);
            UNROLL_FOR (int v = 0; v < NV; v++) c[i][v] += x * z[v];
        }
    };
    idx k = 0;
    for (; k + S <= width; k += S, dz_T += LANES) {
        if constexpr (alongside == Alongside::prefetch)
            for (idx line = 0; line < MR * S; line += LINE)
                __builtin_prefetch(next + k * MR + line);
        add([=](int i) __attribute__((always_inline)) { return repeated<S>(w + i * width + k); });
    }
    if (S > 1 && k < width)
        add([=](int i) {
            alignas(64) real entries[LANES];
            store(entries, load_first(w + i * width + k, width - k));
            return repeated<S>(entries);
        });
}

// The lanes of x are units from `at` on: those of [i0, i1) go to da.
INLINE void write_units(V x, idx at, idx i0, idx i1, real* da) {
    if (at >= i0) return write_part(da + at, x, i1 - at);
    alignas(64) real units[LANES];
    store(units, x);
    for (idx i = i0; i < least(i1, at + LANES); i++) da[i] = units[i - at];
}

// da^{l-1} of units i .. i + MR of the layer below, of NV groups of samples. The last
// tile ends with the
// layer: it works out anew what it shares with the one before, and leaves it alone.
using WideTile = void (*)(const WidePanels&, idx i, idx end, real* da, idx ld, idx samples);
template <int S, int MR, int NV, Alongside alongside>
void wide_tile(const WidePanels& t, idx i, idx end, real* da, idx ld, idx samples) {
    const idx n_in = t.layer->n_in, n_out = t.layer->n_out, apart = n_out * LANES,
              at = least(i, n_in - MR);
    V c[MR][NV] = {};
    for (idx panel = t.first; panel < t.last; panel++) {
        const idx j = panel * PANEL, width = panel_width(n_out, panel);
        const real *w = t.W_T + j * n_in + at * width, *z = t.dz_T + j * (LANES / S);
        const real* next = panel + 1 < t.last ? w + n_in * PANEL
                                              : t.W_T + t.first * PANEL * n_in + (at + MR) * PANEL;
        if (width == PANEL) add_panel<S, MR, NV, alongside>(c, w, next, PANEL, z, apart);
        else add_panel<S, MR, NV, Alongside::nothing>(c, w, next, width, z, apart);
    }
    UNROLL_FOR (int v = 0; v < NV; v++)
        UNROLL_FOR (int u = 0; u < MR; u += LANES) {
            V x[LANES];
            UNROLL_FOR (int k = 0; k < LANES; k++)
                x[k] = u + k < MR ? c[u + k < MR ? u + k : 0][v] : V{};
            weave_all<S>(x);
            UNROLL_FOR (int m = 0; m < LANES / S; m++)
                if (v * LANES + m < samples)
                    write_units(x[m * S], at + u, i, least(end, at + MR),
                                da + (v * LANES + m) * ld);
        }
}

template <int S = 1>
WideTile tile_of_group(idx lanes_of_sample, bool low, bool far) {
    if constexpr (S < LANES) {
        if (lanes_of_sample > S) return tile_of_group<2 * S>(lanes_of_sample, low, far);
    }
    if (low) return wide_tile<S, 1, 1, Alongside::nothing>;
    return far ? wide_tile<S, WIDE_HIGH, 1, Alongside::prefetch>
               : wide_tile<S, WIDE_HIGH, 1, Alongside::nothing>;
}

// Units [i0, i1) of all samples: what is far is asked for by the first groups alone, which leave it
// near.
void wide_units(const WidePanels& all, idx i0, idx i1, real* da, idx ld, idx samples) {
    const Layer& layer = *all.layer;
    const bool far_away = layer.n_in * layer.n_out > KEPT, low = layer.n_in < WIDE_HIGH;
    const idx tall = low ? 1 : WIDE_HIGH;
    for (idx i = i0; i < i1; i += tall) {
        const idx end = least(i + tall, i1);
        WidePanels t = all;
        for (idx m = 0, next; m < samples; m = next) {
            const bool far = far_away && m == 0, wide = far && !low && samples > LANES + LANES / 2;
            next = least(m + (wide ? 2 : 1) * LANES, samples);
            real* const to = da + m * ld;
            if (wide)
                for (idx u = i; u < end; u += FAR_HIGH)
                    wide_tile<1, FAR_HIGH, 2, Alongside::prefetch>(t, u, end, to, ld, next - m);
            else tile_of_group(lanes_of_sample(next - m), low, far)(t, i, end, to, ld, next - m);
            t.dz_T += (wide ? 2 : 1) * layer.n_out * LANES;
        }
    }
}

// Samples [m0, m1) and units [j0, j1) of dz^T, from dz: whole groups, or the last.
template <int S = 1>
void transpose_group(const real* dz, idx ld, idx samples, idx lanes_of_sample, idx j0, idx j1,
                     real* dz_T) {
    if constexpr (S < LANES) {
        if (lanes_of_sample > S)
            return transpose_group<2 * S>(dz, ld, samples, lanes_of_sample, j0, j1, dz_T);
    }
    if (S == 1) return transpose(dz + j0, ld, samples, j1 - j0, dz_T + j0 * LANES, LANES);
    for (idx m = 0; m < samples; m++)
        for (idx j = j0; j < j1; j += S)
            for (idx k = 0; k < S; k++)
                dz_T[j / S * LANES + m * S + k] = j + k < j1 ? dz[m * ld + j + k] : 0;
}
void transpose_dz(const LayerBuffers& buffers, idx n, idx m0, idx m1, idx j0, idx j1) {
    if (!buffers.dz_T || j0 >= j1) return;
    for (idx m = m0; m < m1; m += LANES) {
        const idx samples = least(LANES, m1 - m);
        transpose_group(buffers.dz + m * buffers.ld, buffers.ld, samples, lanes_of_sample(samples),
                        j0, j1, buffers.dz_T + m * n);
    }
}

}  // namespace
}  // namespace chainrule
