// forks.hpp: what belongs to one process. A fork has none of its parent's threads, and may find their locks
// held and what they were at half done: it makes its own, and leaves its parent's alone.
#pragma once

#include <atomic>

namespace chainrule {

// How often this process's forebears have forked to make it; it changes in a child.
unsigned forks();

// A T for each process, made when it is first asked for. Any thread may ask. Constant to begin with and
// never destroyed by itself, so that a static one needs no lock and outlives the threads that use it.
template <class T>
class OfThisProcess {
  public:
    constexpr OfThisProcess() = default;

    T& get() {
        Made* found = current_.load(std::memory_order_acquire);
        while (!found || found->forks != forks()) {
            auto* made = new Made;
            if (current_.compare_exchange_strong(found, made, std::memory_order_acq_rel)) return made->it;
            delete made;
        }
        return found->it;
    }

    // Destroys what this process made, which nobody may use any more. What a forebear made is lost: its
    // threads cannot be joined, nor even let go, since this process may have new ones of their names.
    void drop() {
        Made* found = current_.exchange(nullptr, std::memory_order_acq_rel);
        if (found && found->forks == forks()) delete found;
    }

  private:
    struct Made {
        const unsigned forks = chainrule::forks();
        T it;
    };
    std::atomic<Made*> current_{nullptr};
};

}  // namespace chainrule
