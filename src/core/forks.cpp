// forks.cpp: see forks.hpp.
#include "forks.hpp"

#if !defined(_WIN32)
#include <pthread.h>
#endif

namespace chainrule {

namespace {

std::atomic<unsigned> forks_so_far{0};
#if !defined(_WIN32)
[[maybe_unused]] const int forks_are_counted =
    pthread_atfork(nullptr, nullptr, [] { forks_so_far++; });
#endif

}  // namespace

unsigned forks() { return forks_so_far.load(std::memory_order_relaxed); }

}  // namespace chainrule
