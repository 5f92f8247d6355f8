"""What a machine can do at most: multiply-and-add, a chain of them, bytes moved.

`python bench/peak.py` compiles and runs programs in C and prints what they find. Every function
returns NaN where there is no C compiler.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

CLOCK = r"""
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif
typedef float V __attribute__((vector_size(BYTES)));
#define LANES (BYTES / 4)
#if defined(__aarch64__)
#define REGISTER "+w"
#else
#define REGISTER "+x"
#endif
#define KEEP(v) __asm__ volatile("" : REGISTER(v))
"""

PEAK = (
    CLOCK
    + r"""
int main(void) {
    double best = 0;
    V x = {1e-9f}, y = {1.0f};
    for (int repeat = 0; repeat < 12; repeat++) {
        V a[12];
        for (int i = 0; i < 12; i++) a[i] = x;
        const long n = 3000000;
        const double start = now();
        for (long s = 0; s < n; s++) {
#pragma GCC unroll 12
            for (int i = 0; i < 12; i++) { a[i] += x * y; KEEP(a[i]); }
            KEEP(x); KEEP(y);
        }
        const double rate = n * 12.0 * 2 * LANES / (now() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    printf("%f\n", best);
}
"""
)

# Multiply-and-adds and divisions that wait for one another: nanoseconds of each.
CHAIN = (
    CLOCK
    + r"""
int main(void) {
    double fma = 1e9, division = 1e9;
    for (int repeat = 0; repeat < 12; repeat++) {
        V a = {1.0f}, x = {1e-9f}, y = {1.0f};
        const long n = 1000000;
        double start = now();
        for (long s = 0; s < n; s++) { a = a * y + x; KEEP(a); KEEP(x); KEEP(y); }
        double taken = (now() - start) / n;
        if (taken < fma) fma = taken;
        float b = 1.5f, c = 2.0f;
        start = now();
        for (long s = 0; s < n; s++) { b = c / b; KEEP(b); KEEP(c); }
        taken = (now() - start) / n;
        if (taken < division) division = taken;
    }
    printf("%g %g\n", fma, division);
}
"""
)

# a += s b, as an update reads and writes theta: two reads and a write, nothing that is not counted.
MOVE = (
    CLOCK
    + r"""
int main(int count, char **sizes) {
    for (int i = 1; i < count; i++) {
        const long bytes = atol(sizes[i]) / 2 / BYTES / 8 * BYTES * 8, n = bytes / BYTES;
        V *a = aligned_alloc(4096, bytes + 4096), *b = aligned_alloc(4096, bytes + 4096), s = {0};
        for (long j = 0; j < n; j++) { a[j] = s; b[j] = s; }
        const long passes = 1 + (6 << 20) / bytes;
        double best = 0;
        for (int repeat = 0; repeat < 8; repeat++) {
            const double start = now();
            for (long p = 0; p < passes; p++) {
                for (long j = 0; j < n; j += 8) {
#pragma GCC unroll 8
                    for (int k = 0; k < 8; k++) a[j + k] += s * b[j + k];
                }
                KEEP(s);
            }
            const double rate = 3.0 * bytes * passes / (now() - start) * 1e-9;
            if (rate > best) best = rate;
        }
        printf("%f\n", best);
        free(a); free(b);
    }
}
"""
)


@cache
def build(source: str, *flags: str) -> Path | None:
    """Compile C; None without a compiler. The file lasts as long as this process."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return None
    folder = _folder()
    name = folder / str(len(list(folder.iterdir())))
    code = name.with_suffix(".c")
    code.write_text(source)
    always = ["-O3", "-pthread", "-march=native", "-ffp-contract=fast", "-mprefer-vector-width=512"]
    if os.uname().machine != "x86_64":
        always.pop()
    subprocess.run([compiler, *always, *flags, str(code), "-o", str(name)], check=True)
    return name


@cache
def _folder() -> Path:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def at_once(source: str, processes: int, *arguments: str) -> list[list[float]]:
    """Run a program so many times at once; return the numbers that each printed."""
    program = build(source)
    if program is None:
        return [[float("nan")] * max(len(arguments), 2)]
    running = [
        subprocess.Popen([program, *arguments], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return [[float(word) for word in p.communicate()[0].split()] for p in running]


def fma_peak(cores: int = 1) -> float:
    """GFLOP/s of float32 multiply-and-add on each of so many cores, all busy."""
    found = [rate[0] for rate in at_once(PEAK, cores)]
    return sum(found) / len(found)


def chain() -> tuple[float, float]:
    """Seconds of a multiply-and-add, and of a division, that waits for the one before."""
    fma, division = at_once(CHAIN, 1)[0]
    return fma, division


def bandwidth(footprints: list[int], cores: int = 1) -> list[float]:
    """GB/s of all cores together for a += s b, for each number of bytes that a core works on."""
    found = at_once(MOVE, cores, *map(str, footprints))
    return [sum(rates) for rates in zip(*found, strict=True)]


def main() -> None:
    cores = len(os.sched_getaffinity(0))
    for used in sorted({1, cores}):
        print(f"{used} cores: {fma_peak(used):.1f} GFLOP/s each")
    fma, division = chain()
    print(f"in a chain: multiply-and-add {fma * 1e9:.2f} ns, division {division * 1e9:.2f} ns")
    footprints = [2**k for k in range(13, 28)]
    for used in sorted({1, cores}):
        for size, rate in zip(footprints, bandwidth(footprints, used), strict=True):
            print(f"{used} cores, {size / 1024:8.0f} KiB each: {rate:6.1f} GB/s")


if __name__ == "__main__":
    main()
