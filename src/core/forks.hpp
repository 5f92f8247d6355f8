// forks.hpp: what belongs to one process. A fork has none of its parent's threads, and may find
// their locks held and what they were at half done: it makes its own, and leaves its parent's
// alone.
#pragma once

#include <atomic>

namespace chainrule {

// How often this process and its ancestors have forked; it changes in a child.
unsigned forks();

// A T for each process, made when it is first asked for. Any thread may ask. Constant to begin with
// and never destroyed by itself, so that a static one needs no lock and outlives the threads that
// use it.
template <class T>
class OfThisProcess {
  public:
    constexpr OfThisProcess() = default;

    T& get() {
        Instance* current = current_.load(std::memory_order_acquire);
        while (!current || current->forks != forks()) {
            auto* fresh = new Instance;
            if (current_.compare_exchange_strong(current, fresh, std::memory_order_acq_rel))
                return fresh->it;
            delete fresh;
        }
        return current->it;
    }

    // Destroys what this process made, which nobody may use any more. What an ancestor made is
    // lost: its threads cannot be joined, nor even let go, since this process may have new ones of
    // their names.
    void drop() {
        Instance* current = current_.exchange(nullptr, std::memory_order_acq_rel);
        if (current && current->forks == forks()) delete current;
    }

  private:
    struct Instance {
        const unsigned forks = chainrule::forks();
        T it;
    };
    std::atomic<Instance*> current_{nullptr};
};

}  // namespace chainrule
