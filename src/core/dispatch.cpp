// dispatch.cpp: which of the compiled instruction sets this processor has. Compiled for the oldest;
// CMake names the levels that there are, CHAINRULE_v2 and so on.
#include "core.hpp"

namespace chainrule {

extern const Kernels v4_float, v4_double, v3_float, v3_double, v2_float, v2_double;
extern const Kernels portable_float, portable_double;

namespace {

#if defined(__x86_64__)
[[maybe_unused]] bool has_v2() {
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("ssse3") &&
           __builtin_cpu_supports("popcnt");
}
[[maybe_unused]] bool has_v3() {
    return has_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
[[maybe_unused]] bool has_v4() {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif
bool always() { return true; }

const Isa ALL[] = {
#if defined(CHAINRULE_v4)
    {"x86-64-v4", has_v4, &v4_float, &v4_double},
#endif
#if defined(CHAINRULE_v3)
    {"x86-64-v3", has_v3, &v3_float, &v3_double},
#endif
#if defined(CHAINRULE_v2)
    {"x86-64-v2", has_v2, &v2_float, &v2_double},
#endif
    {"portable", always, &portable_float, &portable_double},
};

}  // namespace

const Isa* isas(int* count) {
    *count = (int)(sizeof ALL / sizeof ALL[0]);
    return ALL;
}

}  // namespace chainrule
