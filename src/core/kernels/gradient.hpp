// gradient.hpp: dW^T = a_prev^T dz and db = sum_i dz_i, unit by unit, with the optimizer as the
// tile's epilogue or into a buffer; and what follows when the whole gradient must be seen first.
#pragma once

#include "stepped.hpp"

// Where gradients go: into the optimizer (into == null), or into a flat array, added or not.
struct Sink {
    real* into;
    bool add;
    const Numbers* numbers;
    idx chain = LARGEST_SLICE;  // rows whose products are summed before they are added to those before
};

// Entries of a narrow unit, and of the same turned, whose rows are padded.
constexpr idx TURNED = 2048;
constexpr idx CHUNK = 512;  // of a bias

// The tile of `rows` rows of dW^T and `width` columns, with db beside or not.
INLINE Tile gradient_tile(idx rows, idx width, bool summing = false) {
    const int NV = registers_of(width), high = (int)rows;
    if (summing) return width % LANES ? summing_tile_of<true>(high, NV) : summing_tile_of<false>(high, NV);
    return width % LANES ? tile_of<true, true>(high, NV) : tile_of<false, true>(high, NV);
}

// A tile of dW^T, from all rows: t.rows and t.B are those of the first. t is left as it was; as a copy of what has
// just been written it would be late.
static void run_chains(Tile run, TileArguments& t, idx rows, idx chain, bool add) {
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

// Few outputs leave most lanes empty: then the inputs lie along the lanes, where they can.
INLINE bool along_inputs(const Layer& layer, idx l) { return l > 0 && layer.n_out < LANES && layer.n_in >= LANES; }

// Whether db is summed by the first tile of dW^T.
INLINE bool sums_in_tile(const Run_state& r, idx l) {
    const Layer& layer = r.p.layers[l];
    return r.full.by_parts && layer.n_out <= SUMS_MOST_NV * LANES && !along_inputs(layer, l);
}

// Rows [i0, i1) of dW^T with the outputs along the lanes, to `into`; db beside the first tile where `db` says where.
INLINE void gradient_across(const Desk& d, idx l, idx n, idx rows, Range of, real* into, real* db, const Sink& sink) {
    const Sheet& s = d.sheets[l];
    const idx wide = of.end - of.begin, tiles = best_tiles(wide, registers_of(n), rows);
    for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
        next = wide * (tile + 1) / tiles;
        TileArguments t = {inputs_of(d, l), of.begin + i, rows, s.dz, s.ld, nullptr, 0, into + i * n, n, n};
        const bool summing = db && tile == 0;
        if (summing) t.sums = db;
        run_chains(gradient_tile(next - i, n, summing), t, rows, sink.chain, sink.add);
    }
}

// The same with the inputs along the lanes: dW, turned to `into`, added or not.
INLINE void gradient_along(const Desk& d, idx l, idx n, idx rows, Range of, real* into, const Sink& sink) {
    const Sheet &s = d.sheets[l], &below = d.sheets[l - 1];
    const idx wide = of.end - of.begin, ld = round_up(wide, LANES), entries = wide * n;
    alignas(64) real dW[TURNED], turned[TURNED];
    for (idx j = 0; j < wide; j += PANEL) {
        const idx width = least(PANEL, wide - j), tiles = best_tiles(n, registers_of(width), rows);
        for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
            next = n * (tile + 1) / tiles;
            TileArguments t = {s.dz_rows, i, rows, below.a + of.begin + j, below.ld, nullptr, 0, dW + i * ld + j, ld,
                               width};
            run_chains(gradient_tile(next - i, width), t, rows, sink.chain, false);
        }
    }
    if (!sink.into) return transpose(dW, ld, n, wide, into, n);
    transpose(dW, ld, n, wide, turned, n);
    for (idx j = 0; j < entries; j++) into[j] = sink.add ? into[j] + turned[j] : turned[j];
}

// Units of a layer of at most PANEL outputs: rows of W^T that lie in one piece, so that the optimizer
// takes a unit at once, in whole registers.
static void narrow_gradient(const Run_state& r, const Desk& d, idx l, idx rows, idx u0, idx u1,
                            const Sink& sink) {
    const Layer& layer = r.p.layers[l];
    const idx n = layer.n_out, high = unit_rows(layer);
    const bool along = along_inputs(layer, l), db = sums_in_tile(r, l);
    alignas(64) real scratch[TURNED];
    for (idx u = u0; u < u1; u++) {
        const idx i0 = u * high, i1 = least(i0 + high, layer.n_in), entries = (i1 - i0) * n;
        real* const into = sink.into ? sink.into + layer.w + i0 * n : scratch;
        if (along) gradient_along(d, l, n, rows, {i0, i1}, into, sink);
        else gradient_across(d, l, n, rows, {i0, i1}, into, db && u == 0 ? sink.into + layer.b : nullptr, sink);
        if (sink.into) continue;
        const Block block =
            block_at(r, layer.w + i0 * n, scratch, entries, sink.numbers->penalised);
        r.unit_sums[r.first_unit[l] + u] = (double)total(r.steps.update(block, *sink.numbers));
        refresh_W(r, d, l, i0, i1, 0);
    }
}

// Some rows of one panel of a wide layer's dW^T, tile by tile: into a buffer, or by way of one into the optimizer.
// Returns the sum of dW^2 of what was stepped.
static double tiled_rows(const Run_state& r, TileArguments& t, idx at, idx count, const Sink& sink) {
    alignas(64) real scratch[8 * PANEL];
    const idx first = t.at, rows = t.K, width = t.width, tiles = best_tiles(count, registers_of(width), rows);
    double sum = 0;
    for (idx tile = 0, i = 0, next; tile < tiles; tile++, i = next) {
        next = count * (tile + 1) / tiles;
        const int high = (int)(next - i);
        t.at = first + i;
        t.C = sink.into ? sink.into + at + i * width : scratch;
        const Tile run = sink.into && t.ahead ? far_tile_of<true>(high) : gradient_tile(high, width);
        run_chains(run, t, rows, sink.chain, sink.add);
        if (sink.into) continue;
        const Block block = block_at(r, at + i * width, scratch, high * width, sink.numbers->penalised);
        sum += (double)total(r.steps.update(block, *sink.numbers));
    }
    return sum;
}

// Rows [i0, i1) of one panel: into a buffer, or stepped, from registers where a tile is a whole one. Then the sums of
// dW^2 of every `unit` rows are given.
static void wide_rows(const Run_state& r, const Desk& d, idx l, idx rows, idx panel, idx i0, idx i1, idx unit,
                      double* sums, const Sink& sink) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    const idx width = panel_width(layer.n_out, panel), j = panel * PANEL, at = layer.w + j * layer.n_in;
    const real* const* ahead = l == 0 && width == PANEL ? d.ahead : nullptr;
    TileArguments t = {inputs_of(d, l), i0, rows, s.dz + j, s.ld, nullptr, 0, nullptr, width, width, nullptr, ahead};
    idx i = i0;
    if (!sink.into && width == PANEL) {
        const idx high = best_rows(MOST_NV, rows), whole = (i1 - i0) / high * high;
        const Block first = block_at(r, at + i0 * width, nullptr, 0, sink.numbers->penalised);
        r.steps.rows(high, ahead)(t, first, whole, unit, sums, *sink.numbers);
        i += whole;
    }
    for (idx next; i < i1; i = next) {
        const idx k = (i - i0) / unit, begin = i0 + k * unit;
        next = least(begin + unit, i1);
        t.at = i;
        const double sum = tiled_rows(r, t, at + i * width, next - i, sink);
        if (!sink.into) sums[k] = i > begin ? sums[k] + sum : sum;
    }
}

// Items [begin, end) of a layer's gradient: its units, panel by panel, so that a panel of dz stays in the cache while
// rows of W^T go by. The sums of what is kept follow in `collect`, W of a wide layer in `refresh`.
static void weight_gradient(const Run_state& r, const Desk& d, idx l, idx rows, Range items,
                            const Sink& sink) {
    const Layer& layer = r.p.layers[l];
    const idx all = units(layer), high = unit_rows(layer);
    if (layer.n_out <= PANEL) {
        if (items.begin < items.end) narrow_gradient(r, d, l, rows, items.begin, items.end, sink);
        return;
    }
    for (idx at = items.begin; at < items.end;) {
        const idx panel = at / all, u0 = at % all, u1 = least(all, u0 + items.end - at);
        wide_rows(r, d, l, rows, panel, u0 * high, least(u1 * high, layer.n_in), high,
                  r.unit_sums + r.first_unit[l] + at, sink);
        at += u1 - u0;
    }
}

// Four sums, so that none waits for the one before.
template <class Read>
INLINE V column_sum(const real* x, idx ld, idx rows, Read read) {
    V sums[4] = {};
    idx i = 0;
    for (; i + 4 <= rows; i += 4)
        UNROLL for (int k = 0; k < 4; k++) sums[k] += read(x + (i + k) * ld);
    for (; i < rows; i++) sums[0] += read(x + i * ld);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

INLINE V chain_sum(const real* dz, idx ld, idx rows, idx left) {
    if (left >= LANES) return column_sum(dz, ld, rows, load);
    return column_sum(dz, ld, rows, [left](const real* p) { return load_first(p, left); });
}

static void bias_gradient(const Run_state& r, const Desk& d, idx l, idx rows, const Sink& sink) {
    const Layer& layer = r.p.layers[l];
    const Sheet& s = d.sheets[l];
    alignas(64) real db[CHUNK];
    V squares = {};
    for (idx j0 = 0; j0 < layer.n_out; j0 += CHUNK) {
        const idx n = least(CHUNK, layer.n_out - j0);
        real* into = sink.into ? sink.into + layer.b + j0 : db;
        for (idx j = 0; j < n; j += LANES) {
            const real* dz = s.dz + j0 + j;
            const idx left = n - j;
            V sum = sink.into && sink.add ? read_part(into + j, left) : V{};
            for (idx k = 0; k < rows; k += sink.chain)
                sum += chain_sum(dz + k * s.ld, s.ld, least(sink.chain, rows - k), left);
            write_part(into + j, sum, left);
        }
        if (!sink.into) squares += r.steps.update(bias_at(r, layer.b + j0, db, n), *sink.numbers);
    }
    if (!sink.into) r.unit_sums[r.first_unit[l + 1] - 1] = (double)total(squares);
}

// The share of thread n of `of` in the slice's gradient.
static void gradient(const Run_state& r, const Desk& d, idx rows, int n, int of, const Sink& sink) {
    for (idx l = r.p.depth - 1; l >= 0; l--) {
        const Layer& layer = r.p.layers[l];
        weight_gradient(r, d, l, rows, share_of(panels(layer) * units(layer), n, of), sink);
        if (n == (int)(l % of) && !sums_in_tile(r, l)) bias_gradient(r, d, l, rows, sink);
    }
}

// A unit of a layer once its gradient is whole: its part of theta, wherever that lies in W^T, and its place
// among all units.
struct Unit {
    idx begin, end, place;
    bool bias;
};
INLINE Unit unit_of(const Run_state& r, idx l, idx unit) {
    const Layer& layer = r.p.layers[l];
    const idx place = r.first_unit[l] + unit;
    if (unit == units(layer)) return {layer.b, layer.b + layer.n_out, place, true};
    const idx high = unit_rows(layer), end = least((unit + 1) * high, layer.n_in);
    return {layer.w + unit * high * layer.n_out, layer.w + end * layer.n_out, place, false};
}
INLINE Block unit_block(const Run_state& r, const Unit& unit, idx at, const real* g, idx n, bool penalise) {
    return unit.bias ? bias_at(r, at, g, n) : block_at(r, at, g, n, penalise);
}

// The share of thread n of `of` in all units.
template <class Work>
INLINE void each_unit(const Run_state& r, int n, int of, Work work) {
    for (idx l = 0; l < r.p.depth; l++) {
        const Range mine = share_of(units(r.p.layers[l]) + 1, n, of);
        for (idx unit = mine.begin; unit < mine.end; unit++) work(unit_of(r, l, unit));
    }
}

// The register of the whole gradient at j, of which `left` numbers are there.
INLINE V sum_at(const Run_state& r, const Pairs& pairs, idx j, idx left) {
    V sum = {};
    for (idx k = 0; k < pairs.count; k++) {
        V g = read_part(r.gradients + pairs.first[k] + j, left);
        if (pairs.second[k] >= 0) g += read_part(r.gradients + pairs.second[k] + j, left);
        sum += g;
    }
    return sum;
}

// The optimizer's step from the parts of the gradient, which need not be whole first.
static void step_parts(const Run_state& r, const Pairs& pairs, int n, int of, const Numbers& u) {
    each_unit(r, n, of, [&](const Unit& unit) {
        alignas(64) real g[CHUNK];
        V squares = {};
        for (idx at = unit.begin; at < unit.end; at += CHUNK) {
            const idx size = least(CHUNK, unit.end - at);
            for (idx j = 0; j < size; j += LANES)
                store(g + j, sum_at(r, pairs, at + j, size - j));
            squares += r.steps.update(unit_block(r, unit, at, g, size, u.penalised), u);
        }
        r.unit_sums[unit.place] = (double)total(squares);
    });
}

// The whole gradient: the parts summed in order, the penalty's gradient, clipping by value.
static void collect(const Run_state& r, const Pairs& pairs, int n, int of, const Numbers& u) {
    const Problem& p = r.p;
    const V limit = broadcast((real)p.clip_value);
    each_unit(r, n, of, [&](const Unit& unit) {
        V squares = {}, clipped = {};
        for (idx j = unit.begin; j < unit.end; j += LANES) {
            const idx left = unit.end - j;
            V g = sum_at(r, pairs, j, left);
            if (u.penalised && !unit.bias) g += penalty_slope(read_part(r.theta + j, left), u);
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
static void apply(const Run_state& r, int n, int of, const Numbers& u, real factor) {
    each_unit(r, n, of, [&](const Unit& unit) {
        const idx size = unit.end - unit.begin;
        real* g = r.gradients + unit.begin;
        if (factor != 1)
            for (idx j = 0; j < size; j++) g[j] *= factor;
        r.steps.update(unit_block(r, unit, unit.begin, g, size, false), u);
    });
}
