// team.hpp: a team of threads that stays alive between runs and meets at barriers within them.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "core.hpp"

namespace chainrule {

constexpr int MOST_THREADS = 1024;

// `threads` counts the caller, who is thread 0; it is less than what was asked for where the system
// gives no more. After a fork the others are gone, and the team is to be left alone: see forks.hpp.
class ThreadTeam : public Team {
  public:
    explicit ThreadTeam(int threads);
    ~ThreadTeam();
    ThreadTeam(const ThreadTeam&) = delete;
    ThreadTeam& operator=(const ThreadTeam&) = delete;

    // Runs function(context, thread) on every thread and returns when all are done.
    void run(void (*function)(void*, int), void* context);

    const int asked;

  private:
    static void meet(Team* team, int thread);
    void serve(int thread);
    void arrive();

    void (*function_)(void*, int) = nullptr;
    void* context_ = nullptr;
    bool leaving_ = false;
    int spins_;
    std::atomic<bool> complete_{false};
    alignas(64) std::atomic<std::uint32_t> phase_{0};
    alignas(64) std::atomic<int> arrived_{0};
    std::vector<std::thread> others_;
};

// The processors this process may use: affinity, the limits of its control group, and
// OMP_NUM_THREADS, by which joblib and others divide them among processes.
int processors();

}  // namespace chainrule
