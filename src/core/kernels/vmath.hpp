// vmath.hpp: exp, expm1, log, log1p, tanh, sigmoid and the error function on registers. A value
// never depends on its lane. The polynomials come from bench/coefficients.py.
#pragma once

#include "vec.hpp"

namespace chainrule {
namespace {

namespace poly {
#if REAL_IS_FLOAT
constexpr real EXP[] = {0.5f, 0.1666657692f, 0.04166655453f, 0.008363190326f, 0.001392619767f};
constexpr real LOG[] = {0.6666668523f, 0.3998870285f, 0.295834708f};
constexpr real ERFCX[] = {1.276978382f,    -0.09276375981f,   -0.1660303913f,   0.1640493954f,
                          -0.05422018605f, -0.008018635692f,  0.008724294538f,  0.001216665496f,
                          -0.00146351167f, -0.0003571778925f, 0.0002211054525f, 6.310018546e-5f,
                          -2.010893119e-5f};
constexpr real LOG2E = 1.44269504088896341f, LN2_HIGH = 0.693359375f, LN2_LOW = -2.12194440e-4f;
constexpr real EXP_LEAST = -104, EXP_MOST = 89, EXPM1_LEAST = -80, TANH_MOST = 10;
constexpr real ROUND = 12582912;  // 1.5 * 2^23: adding it leaves the nearest whole number
constexpr integer MANTISSA = 23, BIAS = 127;
#else
constexpr real EXP[] = {0.5000000000000001024,     0.1666666666666666745,
                        0.04166666666662406365,    0.008333333333330056894,
                        0.001388888891724578757,   0.0001984126986307827975,
                        0.00002480152124613149443, 2.755726842168261226e-6,
                        2.762011213957236449e-7,   2.510040371657669145e-8};
constexpr real LOG[] = {0.6666666666666666646, 0.4000000000000089838, 0.2857142857079053188,
                        0.2222222239467420527, 0.1818179532434433416, 0.1538625684999359679,
                        0.1326831470017722054, 0.130914123335994992};
constexpr real ERFCX[] = {
    1.276978381552528719,     -0.09276382658574427158,    -0.1660303976152962831,
    0.1640512800332574799,    -0.05422000099131832322,    -0.008034015076416627193,
    0.008722653853544007681,  0.001271338872607464888,    -0.001456813629857029209,
    -0.000454339997836610869, 0.0002063646693995606226,   0.0001510344649546594846,
    -1.497256782304067257e-6, -0.00003640549291523767782, -0.00001353349018229936752,
    3.663969920491132087e-6,  5.311193956211715017e-6,    1.589684743750534563e-6,
    -8.205354213697782231e-7, -9.443781909812544599e-7,   -1.469408487269503295e-7,
    2.32844510898817717e-7,   9.819701889739516032e-8,    -2.479113481304321873e-8,
    -1.545898505268753828e-8};
constexpr real LOG2E = 1.44269504088896341, LN2_HIGH = 6.93147180369123816490e-01,
               LN2_LOW = 1.90821492927058770002e-10;
constexpr real EXP_LEAST = -746, EXP_MOST = 710, EXPM1_LEAST = -700, TANH_MOST = 20;
constexpr real ROUND = 6755399441055744;  // 1.5 * 2^52
constexpr integer MANTISSA = 52, BIAS = 1023;
#endif

template <int N>
INLINE V at(const real (&c)[N], V x) {  // c_0 + c_1 x + ..., by Horner's rule
    V y = broadcast(c[N - 1]);
    UNROLL_FOR (int i = N - 2; i >= 0; i--) y = y * x + c[i];
    return y;
}
}  // namespace poly

// x = n log 2 + r, |r| <= log(2) / 2. The low bits of `shifted` are n as well.
struct Reduced {
    V n, r;
    I shifted;
};
INLINE Reduced reduce(V x) {
    const V shifted = x * poly::LOG2E + poly::ROUND;
    const V n = shifted - poly::ROUND;
    return {n, (x - n * poly::LN2_HIGH) - n * poly::LN2_LOW, (I)shifted};
}
INLINE V power_of_two(I n) { return (V)((n + poly::BIAS) << poly::MANTISSA); }

#if VBYTES != 64
INLINE V scaled(V y, V n) {
    const I whole = (I)(n + poly::ROUND) - (I)broadcast(poly::ROUND);
    const I half = whole >> 1;  // two factors, so that neither overflows nor is subnormal
    return y * power_of_two(half) * power_of_two(whole - half);
}
#endif

INLINE V exp(V x) {
    x = min(max(x, broadcast(poly::EXP_LEAST)), broadcast(poly::EXP_MOST));
    const Reduced x_in = reduce(x);
    const V r = x_in.r, y = (r * r) * poly::at(poly::EXP, r) + r + 1;
    return scaled(y, x_in.n);
}

// exp(x) - 1 for EXPM1_LEAST <= x <= EXP_MOST / 2.
INLINE V expm1_of(const Reduced& x) {
    const V y = (x.r * x.r) * poly::at(poly::EXP, x.r) + x.r;
    const V scale = power_of_two(x.shifted);  // the shift drops what is above n
    return scale * y + (scale - 1);
}
INLINE V expm1(V x) { return expm1_of(reduce(max(x, broadcast(poly::EXPM1_LEAST)))); }

// tanh x = t / (t + 2) with t = exp(2 |x|) - 1, and the sign of x.
INLINE V tanh(V x) {
    const V p = min(abs(x), broadcast(poly::TANH_MOST));
    const V t = expm1_of(reduce(p + p));
    const V y = t / (t + 2);
    const I sign = (I)x & (I)broadcast((real)-0.0);
    return (V)((I)y | sign);
}

// Of e = exp(-|x|): 1 / (1 + e), or e / (1 + e) for x <= 0; and the same of -x.
struct Sigmoid {
    V of_x, of_minus_x;
};
INLINE Sigmoid sigmoid(V x) {
    const V e = exp(-abs(x));
    const V large = 1 / (1 + e), small = e * large;
    return {x > 0 ? large : small, x > 0 ? small : large};
}

INLINE V log_series(V s) { return s * (s * s) * poly::at(poly::LOG, s * s) + (s + s); }

// log(1 + u) for 0 <= u <= 1.
INLINE V log1p_unit(V u) {
    const I above = u > (real)0.41421356237309503;
    const V s = (above ? u - 1 : u) / (above ? u + 3 : u + 2);
    return log_series(s) + (above ? broadcast((real)0.6931471805599453) : V{});
}

INLINE V log(V x) {
    constexpr real tiny = SINGLE ? (real)1.17549435e-38f : (real)2.2250738585072014e-308;
    constexpr real up = SINGLE ? (real)16777216 : (real)18014398509481984.0;
    const I subnormal = x < tiny;
    const V y = subnormal ? x * up : x;
    I n = (((I)y >> poly::MANTISSA) & (2 * poly::BIAS + 1)) - poly::BIAS;
    V m = (V)(((I)y & (((integer)1 << poly::MANTISSA) - 1)) | (poly::BIAS << poly::MANTISSA));
    const I above = m > (real)1.4142135623730951;
    m = above ? m * (real)0.5 : m;
    n = n - above;  // a true lane is -1
    n = subnormal ? n - (SINGLE ? 24 : 54) : n;
    const V e = __builtin_convertvector(n, V), s = (m - 1) / (m + 1);
    V value = e * poly::LN2_HIGH + (log_series(s) + e * poly::LN2_LOW);
    const real infinite = (real)__builtin_inf();
    value = x == 0 ? broadcast(-infinite) : value;
    value = x < 0 || x != x ? broadcast((real)__builtin_nan("")) : value;
    return x == infinite ? x : value;
}

INLINE V softplus(V x) { return (x > 0 ? x : V{}) + log1p_unit(exp(-abs(x))); }

// Phi(z) = erfc(-z / sqrt 2) / 2, and exp(-z^2 / 2).
struct Normal {
    V phi, gauss;
};
INLINE Normal normal(V z) {
    constexpr integer high_bits = SINGLE ? (integer)0xFFFFF000 : (integer)0xFFFFFFFFF8000000;
    constexpr real most = SINGLE ? 15 : 40;
    V p = abs(z);
    p = p > most ? broadcast(most) : p;
    // z^2 / 2 in two parts, the first exact: its error would be multiplied by z^2.
    const V high = (V)((I)p & high_bits), rest = (p + high) * (p - high) * (real)0.5;
    const V small = 1 - rest + rest * rest * (real)0.5 - rest * rest * rest * (real)(1.0 / 6);
    const V gauss = exp(high * high * (real)-0.5) * small;
    const V x = p * (real)0.7071067811865476;
    const V erfcx = poly::at(poly::ERFCX, (x - 2) / (x + 2)) / (1 + x + x);
    const V tail = gauss * erfcx * (real)0.5;
    return {z > 0 ? 1 - tail : tail, gauss};
}

}  // namespace
}  // namespace chainrule
