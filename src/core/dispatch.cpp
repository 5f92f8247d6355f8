// dispatch.cpp: which of the compiled instruction sets this processor has. Compiled for the oldest.
#include "core.hpp"

namespace chainrule {

#if defined(__x86_64__)
extern const Kernels v4_float, v4_double, v3_float, v3_double, v2_float, v2_double;

namespace {
bool has_v3() {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi2");
}
bool has_v4() {
    return has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
bool always() { return true; }
const Isa ALL[] = {
    {"x86-64-v4", has_v4, &v4_float, &v4_double},
    {"x86-64-v3", has_v3, &v3_float, &v3_double},
    {"x86-64-v2", always, &v2_float, &v2_double},
};
}  // namespace
#else
extern const Kernels base_float, base_double;

namespace {
bool always() { return true; }
const Isa ALL[] = {{"portable", always, &base_float, &base_double}};
}  // namespace
#endif

const Isa* isas(int* count) {
    *count = (int)(sizeof ALL / sizeof ALL[0]);
    return ALL;
}

}  // namespace chainrule
