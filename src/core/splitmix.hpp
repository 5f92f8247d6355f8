// splitmix.hpp: SplitMix64's constants, as chainrule.mathematics.random has them. Static and always
// inlined, so that code for one instruction set is never called by another's.
#pragma once

#include <cstdint>

namespace chainrule {

constexpr std::uint64_t GAMMA = 0x9E3779B97F4A7C15u;

static inline __attribute__((always_inline)) std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

}  // namespace chainrule
