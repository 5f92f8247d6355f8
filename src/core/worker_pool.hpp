// worker_pool.hpp: threads that help with calls made of blocks which do not depend on one another.
// The caller takes blocks too and never waits for a helper that has not begun: on a busy machine it
// is alone.
#pragma once

#include <cstddef>

#include "core.hpp"

namespace chainrule {

// serve(context, block, scratch) for each block, on the caller and up to threads - 1 helpers, each
// with uninitialised scratch of its own, aligned to 64 bytes. Any thread and any fork may call.
void share(idx blocks, int threads, std::size_t scratch,
           void (*serve)(const void* context, idx block, void* scratch), const void* context);

// Threads that are worth this many operations: 1 where waking another takes longer than its part.
int worth_threads(double operations);

}  // namespace chainrule
