// permutation.hpp: random orders of rows.
#pragma once

#include <cstdint>

#include "core.hpp"

namespace chainrule {

// The stable order of the m numbers mix(key + (i + 1) GAMMA), as mathematics/random.py says it.
void permutation(std::uint64_t key, idx m, std::int64_t* order);

}  // namespace chainrule
