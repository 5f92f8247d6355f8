// partition.hpp: how a batch and the layers are cut up. All of it follows from shapes alone, never
// from the number of threads, and so does the order of every sum.
//
// A batch of m rows is cut into slices whose activations fit a core's cache. Where the parameters
// fit there too and there are several slices, the slices are dealt to a fixed number of parts, each
// with a gradient of its own, and parts are what threads share (`by_parts`). Otherwise the threads
// share every slice: its rows on the way forward and back, then the rows of each W^T.
#pragma once

#include "../core.hpp"
#include "../plan.hpp"
#include "product.hpp"

namespace chainrule {
namespace {

// A unit of rows, which threads share of a slice: whole registers of a flat last layer, whatever
// its width.
constexpr idx ROWS = 16;
// Bytes: parameters that stay in a core's second cache beside a slice, and a slice's activations.
constexpr idx SMALL = 256 << 10, SLICE = 128 << 10;
// Parts: as many as the threads that a small network can use; each costs a gradient to be summed.
constexpr idx MOST_PARTS = 16;
// Rows: a longer slice of a network whose parameters fill the cache reads them hardly less often.
constexpr idx LARGEST_SLICE = 1024;

INLINE idx least(idx a, idx b) { return a < b ? a : b; }
INLINE idx round_up(idx n, idx unit) { return (n + unit - 1) / unit * unit; }

// The n-th of `of` equal shares of `total`.
struct Range {
    idx begin, end;
};
INLINE Range share_of(idx total, idx n, idx of) { return {total * n / of, total * (n + 1) / of}; }
// The same in whole units, of which the last may be shorter.
INLINE Range share_by(idx unit, idx total, idx n, idx of) {
    const Range mine = share_of((total + unit - 1) / unit, n, of);
    return {mine.begin * unit, least(mine.end * unit, total)};
}

// Of a batch of m rows; `parameters` as the run keeps them.
Partition partition_of(const Problem& p, idx parameters, idx m) {
    idx row = p.layers[0].n_in;
    for (idx l = 0; l < p.depth; l++) row += 2 * padded(p.layers[l].n_out);
    const bool small = parameters * (idx)sizeof(real) <= SMALL;
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
    return {.slice = slice,
            .slices = slices,
            .parts = parts,
            .block = parts > 1 && slices == parts ? 2 : 1,
            .by_parts = by_parts};
}

// A last batch of m rows, fewer than the others have: cut up as they are, into no more than they
// need.
Partition shortened(const Partition& full, idx m) {
    Partition partition = full;
    partition.slices = m > full.slice ? (m + full.slice - 1) / full.slice : 1;
    partition.parts = least(partition.slices, full.parts);
    return partition;
}

// How many threads take parts.
INLINE int takers_of(const Partition& partition, int threads) {
    return (int)least(partition.parts, threads);
}

// Whether a part and the next, of one slice each, are taken by one thread: then they are added as
// they arise.
INLINE bool taken_together(const Partition& partition, idx part, int threads) {
    const idx takers = takers_of(partition, threads);
    const auto owner = [&](idx n) { return ((n + 1) * takers - 1) / partition.parts; };
    return part % 2 == 0 && part + 1 < partition.parts && partition.block > 1 &&
           owner(part) == owner(part + 1);
}

// Where the parts' gradients lie. They are summed two by two and then in order, whichever thread
// took them.
struct PartPairs {
    idx count, first[MOST_PARTS / 2], second[MOST_PARTS / 2];  // second: -1 if it is in the first
};
PartPairs pairs_of(const Partition& partition, idx parameters, int threads) {
    PartPairs pairs = {(partition.parts + 1) / 2, {}, {}};
    for (idx k = 0; k < pairs.count; k++) {
        const idx part = 2 * k;
        const bool apart = part + 1 < partition.parts && !taken_together(partition, part, threads);
        pairs.first[k] = part * parameters;
        pairs.second[k] = apart ? (part + 1) * parameters : -1;
    }
    return pairs;
}

// Numbers of a gradient that are summed before the optimizer takes them: few enough to stay in the
// first cache.
constexpr idx CHUNK = 512;

// A unit of a layer's gradient: this many rows of W^T. The bias, or what numbers the columns have
// otherwise, is one more unit at the end. Twelve
// rows of a panel are whole tiles of six and of four; of a narrow layer as many as make a unit
// of about 512 numbers.
INLINE idx unit_rows(const Layer& layer) {
    if (layer.n_out > PANEL) return 12;
    const idx rows = 512 / layer.n_out / 16 * 16;
    return rows < 16 ? 16 : rows;
}
INLINE idx units(const Layer& layer) {
    return (rows_of_W(layer) + unit_rows(layer) - 1) / unit_rows(layer);
}

// Panels of columns of W^T, none where there is no W. Where there are several, panels come first
// when the threads share a product: then a thread reads and changes few panels of W^T, and finds
// them in its own cache.
INLINE idx panels(const Layer& layer) {
    return rows_of_W(layer) > 0 ? (layer.n_out + PANEL - 1) / PANEL : 0;
}

// Panels come in groups where backward and update are one pass: see small_batch.hpp. Each group has
// its part of da^{l-1}, and four of them are still summed in the time of a barrier.
constexpr idx MOST_GROUPS = 4;
INLINE idx panels_of_group(const Layer& layer) {
    return (panels(layer) + MOST_GROUPS - 1) / MOST_GROUPS;
}
INLINE idx groups(const Layer& layer) {
    return (panels(layer) + panels_of_group(layer) - 1) / panels_of_group(layer);
}

// A row length that spreads the rows of a panel over all places of the cache: an odd number of
// lines.
constexpr idx LINE = 64 / (idx)sizeof(real);
INLINE idx row_length(idx n) {
    const idx ld = padded(n);
    return ld > PANEL && ld % (2 * LINE) == 0 ? ld + LINE : ld;
}

}  // namespace
}  // namespace chainrule
