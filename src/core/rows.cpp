// rows.cpp: see rows.hpp. Some rows of some columns at a time, so that what is written row by row is
// still in the cache when the next columns come.
#include "rows.hpp"

#include <algorithm>
#include <limits>

namespace chainrule {

namespace {

constexpr idx TILE = 128, STRIP = 16;

template <class T>
void gather(const void* values, const std::int64_t* rows, idx n, double* x) {
    const T* from = static_cast<const T*>(values);
    if (rows[n - 1] - rows[0] == n - 1) {
        from += rows[0];
        for (idx i = 0; i < n; i++) x[i] = (double)from[i];
    } else {
        for (idx i = 0; i < n; i++) x[i] = (double)from[rows[i]];
    }
}

using Gather = void (*)(const void*, const std::int64_t*, idx, double*);

Gather gather_of(char type) {
    switch (type) {
        case 'c': return gather<std::int8_t>;
        case 'C': return gather<std::uint8_t>;
        case 's': return gather<std::int16_t>;
        case 'S': return gather<std::uint16_t>;
        case 'i': return gather<std::int32_t>;
        case 'I': return gather<std::uint32_t>;
        case 'l': return gather<std::int64_t>;
        case 'L': return gather<std::uint64_t>;
        case 'f': return gather<float>;
        case 'g': return gather<double>;
        default: return nullptr;
    }
}

// Up to TILE rows of one column. Returns whether all is finite.
template <class Real>
bool column(const Numbers& c, const std::int64_t* rows, idx n, Real* values, Real* gaps) {
    double x[TILE];
    gather_of(c.type)(c.values, rows, n, x);
    if (c.valid)
        for (idx i = 0; i < n; i++) {
            const idx bit = c.valid_first + rows[i];
            if (!(c.valid[bit / 8] >> (bit % 8) & 1)) x[i] = std::numeric_limits<double>::quiet_NaN();
        }
    for (idx i = 0; i < n; i++) gaps[i] = (Real)(x[i] != x[i]);
    unsigned strange = 0;
    for (idx i = 0; i < n; i++) {
        const Real v = (Real)((x[i] - c.mean) / c.scale);
        values[i] = x[i] != x[i] ? (Real)0 : v;
        strange |= values[i] - values[i] != 0;
    }
    return !strange;
}

template <class Real>
bool all(const Numbers* columns, idx count, const std::int64_t* rows, idx m, Real* out, idx width) {
    Real strip[STRIP][TILE + 16];
    idx places[STRIP];
    for (idx start = 0; start < m; start += TILE) {
        const idx n = std::min(TILE, m - start);
        for (idx c = 0; c < count;) {
            idx filled = 0;
            for (; c < count && filled + 1 < STRIP; c++) {
                if (!column(columns[c], rows + start, n, strip[filled], strip[filled + 1])) return false;
                places[filled++] = columns[c].place;
                if (columns[c].missing) places[filled++] = columns[c].place + 1;
            }
            for (idx i = 0; i < n; i++) {
                Real* row = out + (start + i) * width;
                for (idx k = 0; k < filled; k++) row[places[k]] = strip[k][i];
            }
        }
    }
    return true;
}

}  // namespace

bool known_type(char type) { return gather_of(type) != nullptr; }

bool standardise(const Numbers* columns, idx count, const std::int64_t* rows, idx m, float* out, idx width) {
    return all(columns, count, rows, m, out, width);
}
bool standardise(const Numbers* columns, idx count, const std::int64_t* rows, idx m, double* out, idx width) {
    return all(columns, count, rows, m, out, width);
}

}  // namespace chainrule
