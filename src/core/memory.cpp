// memory.cpp: see memory.hpp.
#include "memory.hpp"

#include <cstring>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chainrule {

namespace {
constexpr std::size_t LINE = 64, LARGE_PAGE = 2 << 20;
}

Allocation::~Allocation() { release(); }

void Allocation::release() {
    if (at_) ::operator delete(at_, std::align_val_t{alignment_});
    at_ = nullptr;
    size_ = 0;
}

void* Allocation::need(std::size_t size) {
    if (size <= size_) return at_;
    release();
    alignment_ = size >= LARGE_PAGE ? LARGE_PAGE : LINE;
    at_ = ::operator new(size, std::align_val_t{alignment_});
    size_ = size;
#if defined(__linux__)
    // Advice: where it is not taken, all works as before.
    if (alignment_ == LARGE_PAGE) (void)madvise(at_, size / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE);
#endif
    std::memset(at_, 0, size);
    return at_;
}

}  // namespace chainrule
