// rows.hpp: rows of numbers standardised, from columns as Arrow has them.
#pragma once

#include <cstdint>

#include "core.hpp"

namespace chainrule {

// A column of numbers, and where in a row it goes. `type` is Arrow's letter: c C s S i I l L f g.
struct Numbers {
    char type;
    const void* values;         // the first row's
    const std::uint8_t* valid;  // a bit for each row, or null: every row has a value
    idx valid_first;            // the first row's bit
    double mean, scale;
    bool missing;  // the next place says with a 1 that there is no value
    idx place;
};

bool known_type(char type);

// (x - mean) / scale of some rows, in ascending order, into out (m, width); 0 where there is no value
// or NaN. False if a number is not finite: then out holds anything.
bool standardise(const Numbers* columns, idx count, const std::int64_t* rows, idx m, float* out, idx width);
bool standardise(const Numbers* columns, idx count, const std::int64_t* rows, idx m, double* out, idx width);

}  // namespace chainrule
