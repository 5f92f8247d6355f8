// memory.hpp: the memory of a run, kept from call to call.
#pragma once

#include <cstddef>

namespace chainrule {

// At first zeros; at whole lines of the cache, and in large pages where it fills some. Where theta
// is wide, a step otherwise waits for the translation of addresses: its 4096-byte pages are more
// than a processor remembers.
class Allocation {
  public:
    Allocation() = default;
    Allocation(const Allocation&) = delete;
    Allocation& operator=(const Allocation&) = delete;
    ~Allocation();

    // Room for `size` bytes; what was there is lost if it grows.
    void* need(std::size_t size);

  private:
    void release();

    void* at_ = nullptr;
    std::size_t size_ = 0, alignment_ = 0;
};

}  // namespace chainrule
