// rows.hpp: rows of numbers standardised, from columns as Arrow has them. Some rows of some columns
// at a time, so that what is written row by row is still in the cache when the next columns come.
#pragma once

#include <cstdint>

#include "../core.hpp"
#include "vec.hpp"

namespace chainrule {
namespace {

// A strip of this many rows and columns stays in the first cache while it is transposed.
constexpr idx ROWS_AT_ONCE = 128, COLUMNS_AT_ONCE = 16;
// Rows that follow one another and are worth a strip of their own, whose columns need no places.
constexpr idx WORTH_A_RUN = 32;

// Both ways give the same numbers; rows that follow one another need no places.
template <class T>
void read_rows(const void* values, const std::int64_t* rows, idx n, double* x) {
    const T* from = static_cast<const T*>(values) + rows[0];
    if (rows[n - 1] - rows[0] == n - 1)
        for (idx i = 0; i < n; i++) x[i] = (double)from[i];
    else
        for (idx i = 0; i < n; i++) x[i] = (double)from[rows[i] - rows[0]];
}

using ReadRows = void (*)(const void*, const std::int64_t*, idx, double*);

ReadRows read_rows_of(char type) {
    switch (type) {
        case 'c': return read_rows<std::int8_t>;
        case 'C': return read_rows<std::uint8_t>;
        case 's': return read_rows<std::int16_t>;
        case 'S': return read_rows<std::uint16_t>;
        case 'i': return read_rows<std::int32_t>;
        case 'I': return read_rows<std::uint32_t>;
        case 'l': return read_rows<std::int64_t>;
        case 'L': return read_rows<std::uint64_t>;
        case 'f': return read_rows<float>;
        default: return read_rows<double>;
    }
}

// Some rows of one column; where there is no number, a 1 in gaps. Returns whether all is finite.
bool standard(const ArrowNumbers& c, const std::int64_t* rows, idx n, real* values, real* gaps) {
    double x[ROWS_AT_ONCE];
    read_rows_of(c.type)(c.values, rows, n, x);
    if (c.valid)
        for (idx i = 0; i < n; i++) {
            const idx bit = c.valid_first + (idx)rows[i];
            if (!(c.valid[bit / 8] >> (bit % 8) & 1)) x[i] = __builtin_nan("");
        }
    unsigned strange = 0;
    for (idx i = 0; i < n; i++) {
        const real v = (real)((x[i] - c.mean) / c.scale);
        values[i] = x[i] != x[i] ? (real)0 : v;
        strange |= !(values[i] - values[i] == 0);
    }
    if (c.missing)
        for (idx i = 0; i < n; i++) gaps[i] = x[i] != x[i];
    return !strange;
}

// How many rows to take at once: a run of rows that follow one another if there is one.
idx rows_in_tile(const std::int64_t* rows, idx m) {
    const idx most = m < ROWS_AT_ONCE ? m : ROWS_AT_ONCE;
    idx run = 1;
    while (run < most && rows[run] == rows[0] + run) run++;
    return run < WORTH_A_RUN ? most : run;
}

bool standardise(const ArrowNumbers* columns, idx count, const std::int64_t* rows, idx m, void* to,
                 idx width) {
    real strip[COLUMNS_AT_ONCE]
              [ROWS_AT_ONCE + LANES];  // so that columns differ in their place in the cache
    idx places[COLUMNS_AT_ONCE];
    real* out = static_cast<real*>(to);
    for (idx start = 0, n; start < m; start += n) {
        n = rows_in_tile(rows + start, m - start);
        for (idx c = 0; c < count;) {
            idx filled = 0;
            for (; c < count && filled + 2 <= COLUMNS_AT_ONCE; c++) {
                if (!standard(columns[c], rows + start, n, strip[filled], strip[filled + 1]))
                    return false;
                places[filled++] = columns[c].place;
                if (columns[c].missing) places[filled++] = columns[c].place + 1;
            }
            for (idx i = 0; i < n; i++) {
                real* row = out + (start + i) * width;
                for (idx k = 0; k < filled; k++) row[places[k]] = strip[k][i];
            }
        }
    }
    return true;
}

}  // namespace
}  // namespace chainrule
