"""Whether the cores are near each other: a virtual machine's may share a cache now, and not later.

Where they do not, a line takes 170 ns from core to core in place of 25 to 110, and a step on two
threads half as long again (784-128-10: 455 µs in place of 293). The host moves them every few
seconds and nothing else shows it, so timings of several threads wait for cores that are near.
`python bench/cores.py` prints what it finds for ten seconds.
"""

from __future__ import annotations

import os
from statistics import median
from time import perf_counter, sleep

from peak import CLOCK, at_once

NEAR = 130e-9

# Two threads, each bound to a core, that wait for each other: seconds until one sees what the
# other wrote. Unbound they would share a core for a while, and each wait would be a time slice.
PING = (
    "#define _GNU_SOURCE\n"
    + CLOCK
    + r"""
#include <pthread.h>
#include <sched.h>
static _Alignas(128) long turn;
static const long n = 500;
static void bind(int wanted) {
    cpu_set_t mine, one;
    sched_getaffinity(0, sizeof mine, &mine);
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &mine) && wanted-- == 0) CPU_SET(cpu, &one);
    pthread_setaffinity_np(pthread_self(), sizeof one, &one);
}
static void play(long mine) {
    for (long s = 0; s < n; s++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) % 2 != mine) {}
        __atomic_fetch_add(&turn, 1, __ATOMIC_RELEASE);
    }
}
static const int rounds = 20;
static void *other(void *unused) {
    bind(1);
    for (int r = 0; r < rounds; r++) play(1);
    return unused;
}
int main(void) {
    double best = 1e9;
    pthread_t second;
    pthread_create(&second, 0, other, 0);
    bind(0);
    for (int r = 0; r < rounds; r++) {
        const double start = now();
        play(0);
        const double taken = (now() - start) / (2 * n);
        if (taken < best) best = taken;
    }
    pthread_join(second, 0);
    printf("%g\n", best);
}
"""
)


def handover() -> float:
    """Seconds until a core sees what another wrote; NaN on one core or without a C compiler."""
    if len(os.sched_getaffinity(0)) < 2:
        return float("nan")
    return at_once(PING, 1)[0][0]


class Timings:
    """The seconds of some runs, each with whether the cores were near."""

    def __init__(self) -> None:
        self.all: list[float] = []
        self.near: list[float] = []

    def add(self, seconds: float, near: bool) -> None:
        self.all.append(seconds)
        if near:
            self.near.append(seconds)

    def median(self) -> float:
        """Of those with near cores where there are three, otherwise of all."""
        return median(self.near if len(self.near) >= 3 else self.all)


class Cores:
    """Waits for cores to be near, for so many seconds in all."""

    def __init__(self, patience: float) -> None:
        self.patience = patience

    def near(self) -> bool:
        return not handover() >= NEAR

    def wait(self) -> None:
        began = perf_counter()
        while self.patience > 0 and not self.near():
            sleep(0.05)
            now = perf_counter()
            self.patience -= now - began
            began = now


def main() -> None:
    began = perf_counter()
    while perf_counter() < began + 10:
        print(f"{perf_counter() - began:5.1f} s  {handover() * 1e9:4.0f} ns", flush=True)
        sleep(0.3)


if __name__ == "__main__":
    main()
