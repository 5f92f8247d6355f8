// vec.hpp: a register of numbers by the compiler's vector extensions, so that one source serves
// every instruction set. The kernels' headers put all they define into an unnamed namespace:
// nothing here may be shared between instruction sets. REAL is float or double. Intrinsics only
// where the extensions have no word, masks, repetitions, pieces, least and largest, square roots
// and powers of two, and none in portable code (CHAINRULE_PORTABLE), which any compiler with vector
// extensions makes into whatever the machine has.
#pragma once

#include <cstdint>
#include <utility>  // std::integer_sequence, which leaves no code behind

#if !defined(CHAINRULE_PORTABLE)
#include <immintrin.h>
#endif

#include "../core.hpp"

#if defined(__AVX512F__) && !defined(CHAINRULE_PORTABLE)
#define VBYTES 64
#elif defined(__AVX2__) && !defined(CHAINRULE_PORTABLE)
#define VBYTES 32
#else
#define VBYTES 16
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL_FOR _Pragma("GCC unroll 64") for

namespace chainrule {
namespace {

typedef REAL real;

constexpr bool SINGLE = sizeof(real) == 4;
template <bool>
struct IntOf {
    using type = std::int64_t;
};
template <>
struct IntOf<true> {
    using type = std::int32_t;
};
using integer = IntOf<SINGLE>::type;

typedef real V __attribute__((vector_size(VBYTES)));
typedef integer I __attribute__((vector_size(VBYTES)));
typedef real VU __attribute__((vector_size(VBYTES), aligned(sizeof(real)), may_alias));
constexpr idx LANES = VBYTES / sizeof(real);
constexpr bool MANY_REGISTERS = VBYTES == 64
#if defined(__aarch64__)
                                || true
#endif
    ;

INLINE V load(const real* p) { return *reinterpret_cast<const VU*>(p); }
INLINE void store(real* p, V v) { *reinterpret_cast<VU*>(p) = v; }
INLINE V broadcast(real x) { return x - V{}; }
INLINE idx padded(idx n) { return (n + LANES - 1) / LANES * LANES; }

// The first n of a register's lanes, 0 < n <= LANES; the others are 0, and memory there is not
// touched.
#if VBYTES == 64
INLINE V load_first(const real* p, idx n) {
    if constexpr (SINGLE) return (V)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
    else return (V)_mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), p);
}
INLINE void store_first(real* p, V v, idx n) {
    if constexpr (SINGLE) _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
    else _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1), (__m512d)v);
}
#elif VBYTES == 32
INLINE __m256i first_mask(idx n) {
    alignas(32) static const std::int32_t ones[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(ones + 8 - n * (SINGLE ? 1 : 2)));
}
INLINE V load_first(const real* p, idx n) {
    if constexpr (SINGLE) return (V)_mm256_maskload_ps((const float*)p, first_mask(n));
    else return (V)_mm256_maskload_pd((const double*)p, first_mask(n));
}
INLINE void store_first(real* p, V v, idx n) {
    if constexpr (SINGLE) _mm256_maskstore_ps((float*)p, first_mask(n), (__m256)v);
    else _mm256_maskstore_pd((double*)p, first_mask(n), (__m256d)v);
}
#else
INLINE V load_first(const real* p, idx n) {
    V v = {};
    for (idx i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE void store_first(real* p, V v, idx n) {
    for (idx i = 0; i < n; i++) p[i] = v[i];
}
#endif

// A register, of which `left` numbers exist.
INLINE V read_part(const real* p, idx left) {
    return left >= LANES ? load(p) : load_first(p, left);
}
INLINE void write_part(real* p, V v, idx left) {
    if (left >= LANES) store(p, v);
    else store_first(p, v, left);
}

INLINE V root(V x) {
#if VBYTES == 64
    if constexpr (SINGLE) return (V)_mm512_maskz_sqrt_ps(0xFFFF, (__m512)x);
    else return (V)_mm512_maskz_sqrt_pd(0xFF, (__m512d)x);
#elif VBYTES == 32
    if constexpr (SINGLE) return (V)_mm256_sqrt_ps((__m256)x);
    else return (V)_mm256_sqrt_pd((__m256d)x);
#elif !defined(CHAINRULE_PORTABLE)
    if constexpr (SINGLE) return (V)_mm_sqrt_ps((__m128)x);
    else return (V)_mm_sqrt_pd((__m128d)x);
#else
    V r;
    for (idx i = 0; i < LANES; i++)
        r[i] = SINGLE ? (real)__builtin_sqrtf((float)x[i]) : (real)__builtin_sqrt((double)x[i]);
    return r;
#endif
}

#if VBYTES == 64
// y 2^n for whole n, rounded once, also where it overflows or is subnormal.
INLINE V scaled(V y, V n) {
    if constexpr (SINGLE) return (V)_mm512_maskz_scalef_ps(0xFFFF, (__m512)y, (__m512)n);
    else return (V)_mm512_maskz_scalef_pd(0xFF, (__m512d)y, (__m512d)n);
}
#endif

// a where either is NaN.
#if VBYTES == 64
// As one instruction, which the compiler does not find in b < a ? b : a.
INLINE V min(V a, V b) {
    if constexpr (SINGLE) return (V)_mm512_maskz_min_ps(0xFFFF, (__m512)b, (__m512)a);
    else return (V)_mm512_maskz_min_pd(0xFF, (__m512d)b, (__m512d)a);
}
INLINE V max(V a, V b) {
    if constexpr (SINGLE) return (V)_mm512_maskz_max_ps(0xFFFF, (__m512)b, (__m512)a);
    else return (V)_mm512_maskz_max_pd(0xFF, (__m512d)b, (__m512d)a);
}
#else
INLINE V min(V a, V b) { return b < a ? b : a; }
INLINE V max(V a, V b) { return b > a ? b : a; }
#endif
INLINE V relu(V z) { return max(z, V{}); }  // NaN stays NaN
INLINE V abs(V x) {
    constexpr integer mask = SINGLE ? (integer)0x7FFFFFFF : (integer)0x7FFFFFFFFFFFFFFF;
    return (V)((I)x & mask);
}

// Lanes of a, and behind them of b, by numbers known to the compiler; -1: whichever is cheapest.
template <integer... lanes>
INLINE V pick(V a, V b, std::integer_sequence<integer, lanes...>) {
    return __builtin_shufflevector(a, b, lanes...);
}

// S numbers, again and again, by one read.
template <int S>
INLINE V repeated(const real* p) {
    constexpr idx BYTES = S * (idx)sizeof(real);
    if constexpr (S == 1) return broadcast(*p);
    else if constexpr (BYTES == VBYTES) return load(p);
    else if constexpr (BYTES == 8) {
        typedef std::int64_t Pairs __attribute__((vector_size(VBYTES)));
        std::int64_t pair;
        __builtin_memcpy(&pair, p, 8);
        return (V)(pair - Pairs{});
    }
#if VBYTES == 64
    else if constexpr (BYTES == 16)
        return (V)_mm512_maskz_broadcast_f32x4(0xFFFF, _mm_loadu_ps((const float*)p));
    else return (V)_mm512_maskz_broadcast_f32x8(0xFFFF, _mm256_loadu_ps((const float*)p));
#elif VBYTES == 32
    else
        return (V)_mm256_broadcast_ps((const __m128*)p);
#endif
}

// A register of pieces of 128 bits, `apart` numbers from one to the next.
constexpr int PIECE = 16 / (int)sizeof(real);
#if VBYTES > 16
INLINE __m256 two_pieces(const real* p, idx apart) {
    const __m256 first = _mm256_castps128_ps256(_mm_loadu_ps((const float*)p));
    return _mm256_insertf128_ps(first, _mm_loadu_ps((const float*)(p + apart)), 1);
}
#endif
INLINE V load_pieces(const real* p, [[maybe_unused]] idx apart) {
#if VBYTES == 64
    const __m512 first = _mm512_castps256_ps512(two_pieces(p, apart));
    return (V)_mm512_insertf32x8(first, two_pieces(p + 2 * apart, apart), 1);
#elif VBYTES == 32
    return (V)two_pieces(p, apart);
#else
    return load(p);
#endif
}

// The lanes of v from `by` on, and others behind them.
template <int by>
INLINE V upper(V v) {
    constexpr auto lanes = []<integer... i>(std::integer_sequence<integer, i...>) {
        return std::integer_sequence<integer, (i < by ? i + by : -1)...>{};
    }(std::make_integer_sequence<integer, LANES>{});
    return pick(v, v, lanes);
}

// The sum of the lanes, halves first: one order for every caller.
INLINE real total(V v) {
    if constexpr (LANES >= 16) v += upper<8>(v);
    if constexpr (LANES >= 8) v += upper<4>(v);
    if constexpr (LANES >= 4) v += upper<2>(v);
    v += upper<1>(v);
    return v[0];
}
INLINE real largest(V v) {
    real x = v[0];
    for (idx i = 1; i < LANES; i++) x = v[i] > x || v[i] != v[i] ? v[i] : x;
    return x;
}
INLINE bool finite(double x) { return x - x == 0; }

}  // namespace
}  // namespace chainrule
