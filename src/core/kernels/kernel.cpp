// kernel.cpp: the kernels, compiled once per instruction set and dtype; CMake gives REAL,
// REAL_IS_FLOAT, KERNELS (the name of the table below), NARROW (that of the next narrower one, if any) and
// the compiler's flags.
#include "../core.hpp"
#include "../splitmix.hpp"
#include "../tables.hpp"

#include <utility>  // std::integer_sequence, which leaves no code behind

#if !defined(CHAINRULE_PORTABLE)
#include <immintrin.h>
#endif

typedef REAL real;

namespace chainrule {
namespace {
#include "differences.hpp"
#include "rows.hpp"
#include "step.hpp"

// The general layout, and behind it that of a tiny network.
std::size_t lay_out_all(const Problem& p, const Run& run, int threads, char* base) {
    Arena arena = {base, lay_out(p, run, threads, base)};
    if (!is_tiny(p, run)) return arena.used;
    auto* layers = arena.take<TinyLayer>(p.depth);
    lay_out_tiny(layers, p, arena);
    if (base) reinterpret_cast<Run_state*>(base)->tiny = layers;
    return arena.used;
}

std::size_t workspace(const Problem& p, const Run& run, int threads) {
    return lay_out_all(p, run, threads, nullptr);
}

void begin(const Problem& p, const Run& run, void* at, Team* team) {
    lay_out_all(p, run, team ? team->threads : 1, static_cast<char*>(at));
    Run_state& r = *static_cast<Run_state*>(at);
    r.team = team;
    r.steps = steps_of(r.p.optimizer);
    if (r.tiny) return;
    const idx sums = r.first_unit[p.depth];  // not every way through a step writes all of them
    for (idx u = 0; u < sums; u++) r.unit_sums[u] = r.clipped_sums[u] = 0;
}

End end(void* at, idx* steps) {
    const Run_state& r = *static_cast<Run_state*>(at);
    *steps = r.done;
    return r.why;
}

template <class Function>
void over(const real* x, real* y, idx n, Function f) {
    for (idx j = 0; j < n; j += LANES) write_part(y + j, f(read_part(x + j, n - j)), n - j);
}

void elementwise(int function, const void* from, void* to, idx n) {
    const real* x = static_cast<const real*>(from);
    real* y = static_cast<real*>(to);
    switch (function) {
        case 0: return over(x, y, n, [](V v) { return exp(v); });
        case 1: return over(x, y, n, [](V v) { return tanh(v); });
        case 2: return over(x, y, n, [](V v) { return sigmoid(v).of_x; });
        case 3: return over(x, y, n, [](V v) { return softplus(v); });
        case 4: return over(x, y, n, [](V v) { return log(v); });
        case 5: return over(x, y, n, [](V v) { return expm1(v); });
        case 6: return over(x, y, n, [](V v) { return normal(v).phi; });
    }
}

}  // namespace

#if !defined(NARROW)
constexpr const Kernels* narrow = nullptr;
#else
extern const Kernels NARROW;
constexpr const Kernels* narrow = &NARROW;
#endif
extern const Kernels KERNELS;
const Kernels KERNELS = {workspace, begin, work, end, elementwise, outputs_scratch, outputs,
                         differences_scratch, differences, own_outputs, standardise, LANES, narrow};

}  // namespace chainrule
