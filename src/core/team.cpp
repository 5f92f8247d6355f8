// team.cpp: see team.hpp. A barrier spins for some microseconds, because that is how long a step's
// phases last, and then sleeps.
#include "team.hpp"

#include <algorithm>
#include <cstdio>

#if defined(__linux__)
#include <sched.h>
#endif
#if !defined(_WIN32)
#include <unistd.h>
#endif

namespace chainrule {

long process_id() {
#if defined(_WIN32)
    return 0;
#else
    return (long)getpid();
#endif
}

namespace {

void pause_once() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

}  // namespace

int processors() {
    int found = (int)std::thread::hardware_concurrency();
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) found = CPU_COUNT(&set);
    if (std::FILE* file = std::fopen("/sys/fs/cgroup/cpu.max", "r")) {
        long quota = 0, period = 0;
        if (std::fscanf(file, "%ld %ld", &quota, &period) == 2 && quota > 0 && period > 0)
            found = std::min(found, (int)std::max(1L, quota / period));
        std::fclose(file);
    }
#endif
    return std::max(1, found);
}

ThreadTeam::ThreadTeam(int threads) : spins_(threads > processors() ? 0 : 4000) {
    this->threads = threads;
    this->barrier = meet;
    process_ = process_id();
    for (int n = 1; n < threads; n++) others_.emplace_back([this, n] { serve(n); });
}

ThreadTeam::~ThreadTeam() {
    if (!alive()) {  // a fork's copy: there is nobody to wait for
        for (auto& other : others_) other.detach();
        return;
    }
    leaving_ = true;
    arrive();
    for (auto& other : others_) other.join();
}

bool ThreadTeam::alive() const { return process_ == process_id(); }

void ThreadTeam::run(void (*function)(void*, int), void* context) {
    function_ = function;
    context_ = context;
    if (threads == 1) return function(context, 0);
    arrive();
    function(context, 0);
    arrive();
}

void ThreadTeam::serve(int thread) {
    for (;;) {
        arrive();
        if (leaving_) return;
        function_(context_, thread);
        arrive();
    }
}

void ThreadTeam::meet(Team* team, int) { static_cast<ThreadTeam*>(team)->arrive(); }

void ThreadTeam::arrive() {
    const std::uint32_t phase = phase_.load(std::memory_order_acquire);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) == threads - 1) {
        arrived_.store(0, std::memory_order_relaxed);
        phase_.store(phase + 1, std::memory_order_release);
        phase_.notify_all();
        return;
    }
    for (int spin = 0; spin < spins_; spin++) {
        if (phase_.load(std::memory_order_acquire) != phase) return;
        pause_once();
    }
    while (phase_.load(std::memory_order_acquire) == phase) phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace chainrule
