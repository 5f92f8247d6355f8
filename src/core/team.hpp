// team.hpp: a team of threads that stays alive between runs and meets at barriers within them.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core.hpp"

namespace chainrule {

// `threads` counts the caller, who is thread 0. After a fork the others are gone: see `alive`.
class ThreadTeam : public Team {
  public:
    explicit ThreadTeam(int threads);
    ~ThreadTeam();
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    // Runs function(context, thread) on every thread and returns when all are done.
    void run(void (*function)(void*, int), void* context);
    bool alive() const;

  private:
    static void meet(Team* team, int thread);
    void serve(int thread);
    void arrive();

    void (*function_)(void*, int) = nullptr;
    void* context_ = nullptr;
    bool leaving_ = false;
    int spins_;
    long process_;
    alignas(64) std::atomic<std::uint32_t> phase_{0};
    alignas(64) std::atomic<int> arrived_{0};
    std::vector<std::thread> others_;
};

// The processors this process may use: affinity and the limits of its control group.
int processors();

long process_id();  // a fork has another one

}  // namespace chainrule
