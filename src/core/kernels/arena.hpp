// arena.hpp: hands out a run's memory, piece by piece.
#pragma once

#include <cstddef>

#include "partition.hpp"

namespace chainrule {
namespace {

// Aligned pieces from `base` on; with no base it only counts.
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

}  // namespace
}  // namespace chainrule
