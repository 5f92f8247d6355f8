// column_sum.hpp: sums over the rows of a register of columns, in an order that rows alone decide.
#pragma once

#include "vec.hpp"

namespace chainrule {
namespace {

// Of of_row(i) over the rows. Four sums, so that none waits for the one before.
template <class OfRow>
INLINE V column_sum(idx rows, OfRow of_row) {
    V sums[4] = {};
    idx i = 0;
    for (; i + 4 <= rows; i += 4)
        UNROLL_FOR (int k = 0; k < 4; k++) sums[k] += of_row(i + k);
    for (; i < rows; i++) sums[0] += of_row(i);
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace
}  // namespace chainrule
