// team.cpp: see team.hpp. A barrier spins for some microseconds, because that is how long a step's
// phases last, and then sleeps.
#include "team.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

#if defined(__linux__)
#include <sched.h>
#endif

namespace chainrule {

namespace {

void pause_once() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

// The whole number that text begins with, or 0; moves text behind it. Not by the C library, whose
// functions for it have new names since glibc 2.38: see older_glibc.cpp.
long whole_number(const char*& text) {
    while (*text == ' ') text++;
    long number = 0;
    text = std::from_chars(text, text + std::strlen(text), number).ptr;
    return number;
}

#if defined(__linux__)
// Numbers from a file, or 0 where there are none.
void read_numbers(const char* path, long& one, long& two) {
    one = two = 0;
    if (std::FILE* file = std::fopen(path, "r")) {
        char line[64];
        if (const char* text = std::fgets(line, sizeof line, file)) {
            one = whole_number(text);
            two = whole_number(text);
        }
        std::fclose(file);
    }
}

// The processors that the control group allows, of version 2 or 1; 0: no limit.
double control_group() {
    long quota, period, none;
    read_numbers("/sys/fs/cgroup/cpu.max", quota, period);
    if (quota <= 0) {
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota, none);
        read_numbers("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period, none);
    }
    return quota > 0 && period > 0 ? (double)quota / (double)period : 0;
}
#endif

}  // namespace

int processors() {
    int count = (int)std::thread::hardware_concurrency();
    if (const char* text = std::getenv("OMP_NUM_THREADS"))
        if (const long limit = whole_number(text); limit > 0)
            count = (int)std::min((long)count, limit);
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) count = std::min(count, CPU_COUNT(&set));
    const double allowed = control_group();
    if (allowed > 0) count = std::min(count, (int)std::max(1.0, allowed));
#endif
    return std::max(1, count);
}

ThreadTeam::ThreadTeam(int threads) : asked(threads), spins_(threads > processors() ? 0 : 4000) {
    this->barrier = meet;
    others_.reserve((std::size_t)threads);
    try {
        for (int n = 1; n < threads; n++) others_.emplace_back([this, n] { serve(n); });
    } catch (const std::exception&) {
        // The system gives no more threads: the work is done by those it gave.
    }
    this->threads = 1 + (int)others_.size();
    complete_ = true;
    complete_.notify_all();
}

ThreadTeam::~ThreadTeam() {
    leaving_ = true;
    arrive();
    for (auto& other : others_) other.join();
}

void ThreadTeam::run(void (*function)(void*, int), void* context) {
    function_ = function;
    context_ = context;
    if (threads == 1) return function(context, 0);
    arrive();
    function(context, 0);
    arrive();
}

void ThreadTeam::serve(int thread) {
    complete_.wait(false);
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
    while (phase_.load(std::memory_order_acquire) == phase)
        phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace chainrule
