"""The peak of multiply-and-add on one core, in GFLOP/s of float32: compiled and run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = r"""
#include <stdio.h>
#include <time.h>
#if defined(__AVX512F__)
typedef float V __attribute__((vector_size(64)));
#define LANES 16
#elif defined(__AVX2__)
typedef float V __attribute__((vector_size(32)));
#define LANES 8
#else
typedef float V __attribute__((vector_size(16)));
#define LANES 4
#endif
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + 1e-9 * t.tv_nsec;
}
int main(void) {
    double best = 0;
    V x = {1e-9f}, y = {1.0f};
    for (int repeat = 0; repeat < 12; repeat++) {
        V a = x, b = x, c = x, d = x, e = x, f = x, g = x, h = x, i = x, j = x, k = x, l = x;
        const long n = 5000000;
        const double start = now();
        for (long s = 0; s < n; s++) {
            a += x * y; b += x * y; c += x * y; d += x * y; e += x * y; f += x * y;
            g += x * y; h += x * y; i += x * y; j += x * y; k += x * y; l += x * y;
            __asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d), "+x"(e), "+x"(f));
            __asm__ volatile("" : "+x"(g), "+x"(h), "+x"(i), "+x"(j), "+x"(k), "+x"(l));
            __asm__ volatile("" : "+x"(x), "+x"(y));
        }
        const double rate = n * 12.0 * 2 * LANES / (now() - start) * 1e-9;
        if (rate > best) best = rate;
    }
    printf("%f\n", best);
}
"""


def fma_peak() -> float:
    """Return the peak, or NaN without a C compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        return float("nan")
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder, "peak.c"), Path(folder, "peak")
        source.write_text(SOURCE)
        flags = ["-O2", "-march=native", "-ffp-contract=fast", "-mprefer-vector-width=512"]
        subprocess.run([compiler, *flags, str(source), "-o", str(program)], check=True)
        return float(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    print(f"{fma_peak():.1f} GFLOP/s")
