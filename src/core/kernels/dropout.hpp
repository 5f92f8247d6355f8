// dropout.hpp: the masks of chainrule.mathematics.dropout, bit for bit: SplitMix64 at (row, unit).
#pragma once

#include <cstdint>

#include "../splitmix.hpp"
#include "vec.hpp"

namespace chainrule {
namespace {

constexpr std::uint64_t DROPOUT_PURPOSE = 2;

struct Mask {
    std::uint64_t key, least;  // kept where the top 53 bits are at least this
    real scale;                // 1 / (1 - rate)
};

// The stream key(seed, DROPOUT, step, place).
Mask mask_of(std::uint64_t seed, idx step, idx place, double rate) {
    Mask mask = {};
    const std::uint64_t counters[] = {seed, DROPOUT_PURPOSE, (std::uint64_t)step,
                                      (std::uint64_t)place};
    for (std::uint64_t c : counters) mask.key = mix(mask.key + (c + 1) * GAMMA);
    mask.least = (std::uint64_t)__builtin_ceil(rate * 9007199254740992.0);  // u >= rate, exactly
    mask.scale = (real)(1 / (1 - rate));
    return mask;
}

// x *= mask for the units [j, j + n) of one row of a layer of `units`; and y where there is one.
void drop(real* x, real* y, idx row, idx units, idx j, idx n, const Mask& mask) {
    const std::uint64_t first = mask.key + (std::uint64_t)(row * units + j + 1) * GAMMA;
    for (idx i = 0; i < n; i++) {
        const std::uint64_t bits = mix(first + (std::uint64_t)i * GAMMA) >> 11;
        const real factor = bits >= mask.least ? mask.scale : 0;
        x[i] *= factor;
        if (y) y[i] *= factor;
    }
}

}  // namespace
}  // namespace chainrule
