// kernel.cpp: the kernels, compiled once per instruction set and dtype; CMake gives REAL,
// REAL_IS_FLOAT, KERNELS (the name of the table below), NARROW (that of the next narrower one, if
// any) and the compiler's flags.
#include "../core.hpp"
#include "../plan.hpp"
#include "allocate.hpp"
#include "differences.hpp"
#include "outputs.hpp"
#include "planning.hpp"
#include "rows.hpp"
#include "step.hpp"

namespace chainrule {
namespace {

std::size_t memory_size(const Problem& p, const Run& run, const RunPlan& plan) {
    Arena arena = {.base = nullptr, .used = 0};
    allocate(p, run, plan, arena);
    return arena.used;
}

void begin(const Problem& p, const Run& run, const RunPlan& plan, void* memory, Team* team) {
    Arena arena = {.base = static_cast<char*>(memory), .used = 0};
    allocate(p, run, plan, arena);
    RunState& r = *static_cast<RunState*>(memory);
    r.team = team;
    if (plan.schedule == Schedule::single_sample) return;
    const idx sums = r.first_unit[p.depth];  // not every way through a step writes all of them
    for (idx u = 0; u < sums; u++) r.unit_sums[u] = r.clipped_sums[u] = 0;
}

End end(void* memory, idx* steps) {
    const RunState& r = *static_cast<RunState*>(memory);
    *steps = r.done;
    return r.why;
}

template <class Function>
void each_register(const real* x, real* y, idx n, Function f) {
    for (idx j = 0; j < n; j += LANES) write_part(y + j, f(read_part(x + j, n - j)), n - j);
}

void elementwise(int function, const void* from, void* to, idx n) {
    const real* x = static_cast<const real*>(from);
    real* y = static_cast<real*>(to);
    switch (function) {
        case 0: return each_register(x, y, n, [](V v) { return exp(v); });
        case 1: return each_register(x, y, n, [](V v) { return tanh(v); });
        case 2: return each_register(x, y, n, [](V v) { return sigmoid(v).of_x; });
        case 3: return each_register(x, y, n, [](V v) { return softplus(v); });
        case 4: return each_register(x, y, n, [](V v) { return log(v); });
        case 5: return each_register(x, y, n, [](V v) { return expm1(v); });
        case 6: return each_register(x, y, n, [](V v) { return normal(v).phi; });
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
const Kernels KERNELS = {.plan = plan_of,
                         .memory_size = memory_size,
                         .begin = begin,
                         .work = work,
                         .end = end,
                         .elementwise = elementwise,
                         .outputs_scratch = outputs_scratch,
                         .outputs = outputs,
                         .differences_scratch = differences_scratch,
                         .differences = differences,
                         .own_outputs = own_outputs,
                         .standardise = standardise,
                         .lanes = LANES,
                         .narrow = narrow};

}  // namespace chainrule
