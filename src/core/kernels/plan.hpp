// plan.hpp: how a batch is cut up, and where everything lies. All of it follows from shapes alone,
// never from the number of threads, and so does the order of every sum.
//
// A batch of m rows is cut into slices whose activations fit a core's cache. Where the parameters
// fit there too and there are several slices, the slices are dealt to a fixed number of parts, each
// with a gradient of its own, and parts are what threads share (`by_parts`). Otherwise the threads
// share every slice: its rows on the way forward and back, then the rows of each W^T.
#pragma once

#include "costs.hpp"
#include "dropout.hpp"
#include "optimizers.hpp"
#include "product.hpp"
#include "transpose.hpp"

constexpr idx FEW = 8;  // samples: see onepass.hpp
constexpr idx ROWS = 16;  // a unit of rows: what threads share of a slice; whole registers if flat
constexpr idx SMALL = 256 << 10, SLICE = 128 << 10, MOST_PARTS = 16, LARGEST_SLICE = 1024;

struct Plan {
    idx slice, slices, parts;
    idx block;  // slices that a thread may take through the network together: several where each is a part
    bool by_parts;
};

INLINE idx least(idx a, idx b) { return a < b ? a : b; }
INLINE idx round_up(idx n, idx unit) { return (n + unit - 1) / unit * unit; }

static Plan plan_of(const Problem& p, idx m) {
    idx row = p.layers[0].n_in;
    for (idx l = 0; l < p.depth; l++) row += 2 * padded(p.layers[l].n_out);
    const bool small = p.parameters * (idx)sizeof(real) <= SMALL;
    idx slice = small ? SLICE / (row * (idx)sizeof(real)) / ROWS * ROWS : LARGEST_SLICE;
    slice = slice < 2 * ROWS ? 2 * ROWS : slice > LARGEST_SLICE ? LARGEST_SLICE : slice;
    if (slice > m) slice = m > 0 ? round_up(m, ROWS) : ROWS;
    idx slices = m > slice ? (m + slice - 1) / slice : 1;
    const bool by_parts = small && slices > 1;
    if (by_parts && slices < MOST_PARTS) {  // few: then as many for each of 2, 4, ... threads
        idx even = 2;
        while (even < slices) even *= 2;
        slice = round_up((m + even - 1) / even, ROWS);
        slices = (m + slice - 1) / slice;
    }
    const idx parts = by_parts ? least(slices, MOST_PARTS) : 1;
    return {slice, slices, parts, parts > 1 && slices == parts ? 2 : 1, by_parts};
}

// A last batch of m rows, fewer than the others have: cut up as they are, into no more than they need.
static Plan shortened(const Plan& full, idx m) {
    const idx slices = m > full.slice ? (m + full.slice - 1) / full.slice : 1;
    return {full.slice, slices, least(slices, full.parts), full.block, full.by_parts};
}

// How many threads take parts.
INLINE int takers_of(const Plan& plan, int of) { return (int)least(plan.parts, of); }

// Where the parts' gradients lie. They are summed two by two and then in order; two neighbours of one slice
// each that one thread takes are added as they arise, where the first lies.
struct Pairs {
    idx count, first[MOST_PARTS / 2], second[MOST_PARTS / 2];  // second: -1 if it is in the first
};
INLINE bool taken_together(const Plan& plan, idx part, int of) {
    const idx takers = takers_of(plan, of);
    const auto owner = [&plan, takers](idx n) { return ((n + 1) * takers - 1) / plan.parts; };
    return part % 2 == 0 && part + 1 < plan.parts && plan.block > 1 && owner(part) == owner(part + 1);
}
static Pairs pairs_of(const Plan& plan, idx parameters, int of) {
    Pairs pairs = {(plan.parts + 1) / 2, {}, {}};
    for (idx k = 0; k < pairs.count; k++) {
        const idx part = 2 * k;
        pairs.first[k] = part * parameters;
        pairs.second[k] =
            part + 1 < plan.parts && !taken_together(plan, part, of) ? (part + 1) * parameters : -1;
    }
    return pairs;
}

// A unit of a layer's gradient: this many rows of W^T. The bias is one more unit at the end.
INLINE idx unit_rows(const Layer& layer) {
    if (layer.n_out > PANEL) return 12;
    const idx rows = 512 / layer.n_out / 16 * 16;
    return rows < 16 ? 16 : rows;
}
INLINE idx units(const Layer& layer) {
    return (layer.n_in + unit_rows(layer) - 1) / unit_rows(layer);
}

// Panels of columns of a layer. Where there are several, panels come first when the threads share a
// product: then a thread reads and changes few panels of W^T, and finds them in its own cache.
INLINE idx panels(const Layer& layer) { return (layer.n_out + PANEL - 1) / PANEL; }

// Panels come in groups where backward and update are one pass: see onepass.hpp.
constexpr idx MOST_GROUPS = 4;
INLINE idx panels_of_group(const Layer& layer) { return (panels(layer) + MOST_GROUPS - 1) / MOST_GROUPS; }
INLINE idx groups(const Layer& layer) {
    return (panels(layer) + panels_of_group(layer) - 1) / panels_of_group(layer);
}

// The n-th of `of` equal shares of `total`.
struct Range {
    idx begin, end;
};
INLINE Range share_of(idx total, int n, int of) { return {total * n / of, total * (n + 1) / of}; }
// The same in whole units, of which the last may be shorter.
INLINE Range share_by(idx unit, idx total, int n, int of) {
    const Range mine = share_of((total + unit - 1) / unit, n, of);
    return {mine.begin * unit, least(mine.end * unit, total)};
}

// What one layer needs for a slice. In the last layer a is (rows, n_L) without padding, so that the
// cost can take its entries in one row; in the others every row is padded with zeros to registers.
struct Sheet {
    real *a, *df, *dz, *dropped;  // dropped: softmax's own output where dropout follows it
    const real **rows, **dz_rows;  // the rows of a and of dz, for the products that read them
    real* dz_T;  // or null: see turned.hpp
    idx ld;
    Slope slope;
    Activate f;
};

// What a thread (by parts) or the team (otherwise) works on: a slice, or a block of them.
struct Desk {
    Sheet* sheets;           // [0, L)
    real** W;                // [1, L): W (n_out, n_in) in panels, or null where turned.hpp does without
    const real** inputs;     // the rows of a^0: of X itself, or of `dropped_inputs`
    const real** ahead;      // those of the next batch, to be asked for in time, or null
    real* dropped_inputs;
    real *y, *share;         // (rows, n_L)
    real* sums;              // (rows,), for the logarithms of a softmax
};

// One optimizer's steps: from a gradient that is there, or as it arises (stepped.hpp).
using SteppedRows = void (*)(const TileArguments& of_first, const Block& first, idx rows, idx unit, double* sums,
                             const Numbers&);
struct Steps {
    Update update;
    SteppedRows (*rows)(idx high, bool ahead);
};

// A run in progress. It lies at the start of the workspace, and everything it points to after it.
struct Run_state {
    Problem p;           // its layers say where the run's own theta lies
    Run run;
    const Layer* callers; // and these, where the caller's does
    real *theta, *state;  // the run's own, see layout.hpp
    Team* team;
    Plan full;
    idx batches, done;
    End why;
    Desk* desks;
    real** da_parts;   // [1, L): da^{l-1} by groups of panels (groups, batch, n_in), or null: see onepass.hpp
    real* gradients;   // (parts, P), or null where the optimizer is the gradient tile's epilogue
    double* unit_sums; // squares of each unit of each panel of each layer, and clipped ones
    double* clipped_sums;
    idx* first_unit;   // [0, L]
    double* J;         // of each slice, by parts, or of each unit of rows
    double penalty;
    bool fused;        // no step waits for the whole gradient
    bool one_pass;
    Steps steps;
    CostOf cost;
    struct TinyLayer* tiny;  // see tiny.hpp, or null
};

// Hands out aligned pieces of the workspace; with no base it only counts.
struct Arena {
    char* base;
    std::size_t used;
    template <class T>
    T* take(idx n) {
        T* p = base ? reinterpret_cast<T*>(base + used) : nullptr;
        used += round_up((n > 0 ? n : 1) * (idx)sizeof(T), 64) + 64;
        return p;
    }
};

// A row length that spreads the rows of a panel over all places of the cache: an odd number of lines.
INLINE idx row_length(idx n) {
    constexpr idx LINE = 64 / (idx)sizeof(real);
    const idx ld = padded(n);
    return ld > PANEL && ld % (2 * LINE) == 0 ? ld + LINE : ld;
}

// Whether a layer's da^{l-1} is had from W^T as it lies (turned.hpp); otherwise it is a product with W, which is made
// anew after every step. By the plan of a whole batch, so that a short last one is no exception.
INLINE bool from_W_T(const Problem& p, const Plan& full, idx l) {
    return l > 0 && p.layers[l].n_out > PANEL && !full.by_parts;
}

// Whether a layer's backward and update are one pass over W^T. By run.batch likewise.
INLINE bool in_one_pass(const Problem& p, const Run& run, const Plan& full, idx l, bool fused) {
    return fused && run.batch <= FEW && from_W_T(p, full, l) && (Activation)p.layers[l - 1].f != Activation::softmax;
}

// Whether a run has a way back.
INLINE bool goes_back(const Run& run) { return (run.train || run.dtheta) && !run.given; }

// W of the layers that propagate back by products.
static real** lay_out_W(const Problem& p, const Run& run, const Plan& full, Arena& arena) {
    auto** W = arena.take<real*>(p.depth);
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const bool product = goes_back(run) && l > 0 && !from_W_T(p, full, l);
        real* w = product ? arena.take<real>(layer.n_out * padded(layer.n_in)) : nullptr;
        if (W) W[l] = w;
    }
    return W;
}

static void lay_out_desk(Desk* desk, const Problem& p, const Run& run, const Plan& full, Arena& arena) {
    const bool masked = run.masked;
    const idx rows = full.block * full.slice;
    auto** W = lay_out_W(p, run, full, arena);
    auto* sheets = arena.take<Sheet>(p.depth);
    auto** inputs = arena.take<const real*>(rows);
    // A wide first layer takes long enough for its next rows to arrive meanwhile.
    const bool wide = run.train && panels(p.layers[0]) > 1;
    auto** ahead = wide ? arena.take<const real*>(rows) : nullptr;
    real* dropped = nullptr;
    const idx n_0 = p.layers[0].n_in, n_L = p.layers[p.depth - 1].n_out;
    if (p.input_rate > 0 && masked) dropped = arena.take<real>(rows * n_0);
    real* y = arena.take<real>(round_up(rows * n_L, LANES));
    real* share = arena.take<real>(round_up(rows * n_L, LANES));
    real* sums = arena.take<real>(round_up(rows, LANES));
    if (desk) *desk = {sheets, W, inputs, ahead, dropped, y, share, sums};
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const bool last = l == p.depth - 1;
        Sheet s = {};
        s.slope = slope_of(layer.f, layer.rate > 0 && masked);
        s.f = activate_of(layer.f);
        s.ld = last ? layer.n_out : row_length(layer.n_out);
        const idx n = round_up(rows * s.ld, LANES);
        s.a = arena.take<real>(n);
        s.dz = arena.take<real>(n);
        const bool mixed_mask = s.slope == Slope::mixed && layer.rate > 0 && masked;
        if (s.slope == Slope::kept || mixed_mask) s.df = arena.take<real>(n);
        if (mixed_mask) s.dropped = arena.take<real>(n);
        if (goes_back(run) && from_W_T(p, full, l))
            s.dz_T = arena.take<real>(round_up(rows, LANES) * layer.n_out + LANES);
        s.rows = arena.take<const real*>(rows);
        s.dz_rows = arena.take<const real*>(rows);
        if (arena.base && desk) {
            for (idx i = 0; i < rows; i++) {
                s.rows[i] = s.a + i * s.ld;
                s.dz_rows[i] = s.dz + i * s.ld;
            }
            sheets[l] = s;
        }
    }
}

// Where the layers of a run's own theta start: at whole lines of the cache. Returns how many reals it
// takes; with no `to` nothing is written.
static idx lay_out_theta(const Problem& p, Layer* to) {
    constexpr idx LINE = 64 / (idx)sizeof(real);
    idx at = 0;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const idx b = at + round_up(layer.n_in * layer.n_out, LINE);
        if (to) {
            to[l] = layer;
            to[l].w = at;
            to[l].b = b;
        }
        at = b + round_up(layer.n_out, LINE);
    }
    return at;
}

// What da is summed from in one pass, and the first of each layer's units. Returns all units.
static idx lay_out_layers(const Problem& p, const Run& run, const Plan& full, bool fused, real** da_parts,
                          idx* first_unit, Arena& arena) {
    idx all = 0;
    for (idx l = 0; l < p.depth; l++) {
        const Layer& layer = p.layers[l];
        const idx parts = groups(layer) * run.batch * padded(layer.n_in);
        real* da = in_one_pass(p, run, full, l, fused) ? arena.take<real>(parts) : nullptr;
        if (arena.base) {
            da_parts[l] = da;
            first_unit[l] = all;
        }
        all += panels(layer) * units(layer) + 1;
    }
    if (arena.base) first_unit[p.depth] = all;
    return all;
}

// The run's workspace; with no base only its size is worked out.
static std::size_t lay_out(const Problem& given, const Run& run, int threads, char* base) {
    Arena arena = {base, 0};
    auto* r = arena.take<Run_state>(1);
    auto* layers = arena.take<Layer>(given.depth);
    Problem p = given;
    const bool own = !run.given;  // a given gradient's step takes each number once, and where it lies
    if (own) p.parameters = lay_out_theta(given, base ? layers : nullptr);
    if (own && base) p.layers = layers;
    // By run.batch and not by k, so that a run split in two takes the same path.
    const Plan plan = plan_of(p, run.batch);
    const idx desks = takers_of(plan, threads);
    const bool fused = run.train && (plan.slices == 1 || plan.by_parts) && p.clip_norm == 0 &&
                       p.clip_value == 0 && !run.careful;
    bool one_pass = false;
    for (idx l = 1; l < p.depth; l++) one_pass = one_pass || in_one_pass(p, run, plan, l, fused);
    real* theta = own ? arena.take<real>(p.parameters) : static_cast<real*>(run.theta);
    real* state = !own          ? static_cast<real*>(run.state)
                  : run.train ? arena.take<real>(p.slots * p.parameters)
                              : nullptr;
    real* gradients = !own             ? static_cast<real*>(run.given)
                      : goes_back(run) && (!fused || plan.by_parts)
                          ? arena.take<real>(plan.parts * p.parameters)
                          : nullptr;
    auto* desk = arena.take<Desk>(desks);
    auto** da_parts = arena.take<real*>(p.depth);
    auto* first_unit = arena.take<idx>(p.depth + 1);
    const idx all_units = lay_out_layers(p, run, plan, fused, da_parts, first_unit, arena);
    auto* unit_sums = arena.take<double>(all_units);
    auto* clipped_sums = arena.take<double>(all_units);
    const idx row_units = plan.slice / ROWS + 1;
    auto* J = arena.take<double>(plan.slices > row_units ? plan.slices : row_units);
    if (base)
        *r = {.p = p, .run = run, .callers = given.layers, .theta = theta, .state = state,
              .team = nullptr, .full = plan,
              .batches = run.k > 0 ? (run.k + run.batch - 1) / run.batch : 0, .done = 0,
              .why = End::done, .desks = desk, .da_parts = da_parts, .gradients = gradients,
              .unit_sums = unit_sums, .clipped_sums = clipped_sums, .first_unit = first_unit, .J = J,
              .penalty = 0, .fused = fused, .one_pass = one_pass, .steps = {},
              .cost = cost_function(p.cost, p.canonical), .tiny = nullptr};
    for (idx t = 0; t < desks; t++)
        lay_out_desk(base ? desk + t : nullptr, p, run, plan, arena);
    return arena.used;
}

// n parameters from theta[at] on.
INLINE Block block_at(const Run_state& r, idx at, const real* g, idx n, bool penalise) {
    real* s0 = r.state + at;
    return {r.theta + at, s0, s0 + r.p.parameters, g, n, true, penalise};
}
INLINE Block bias_at(const Run_state& r, idx at, const real* g, idx n) {
    Block block = block_at(r, at, g, n, false);
    block.weights = false;
    return block;
}
