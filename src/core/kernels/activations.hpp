// activations.hpp: each activation's a = f(z) and df = f'(z), together, since they share their
// work.
#pragma once

#include "../tables.hpp"
#include "tile.hpp"
#include "vmath.hpp"

namespace chainrule {
namespace {

// Whether a unit's a depends on its own z alone.
constexpr bool is_elementwise(Activation f) { return f != Activation::softmax; }

INLINE Slope slope_of(int f, bool dropout) {
    if ((Activation)f == Activation::softmax) return Slope::mixed;
    if (dropout) return Slope::stored;  // f' times the mask
    switch ((Activation)f) {
        case Activation::identity: return Slope::one;
        case Activation::relu: return Slope::of_relu;
        case Activation::tanh: return Slope::of_tanh;
        default: return Slope::stored;
    }
}

constexpr real SELU_SCALE = (real)1.0507009873554805;
constexpr real SELU_SCALE_ALPHA = (real)(1.0507009873554805 * 1.6732632423543772);

INLINE V exp_linear(V z, real above, real below, V& df) {
    const V low = z > 0 ? V{} : z;
    const V positive = broadcast(above), slope = exp(low) * below;
    df = z > 0 ? positive : slope;
    return z > 0 ? z * above : expm1(low) * below;
}

// The formula of each activation: returns a = f(z), and leaves f'(z) in df, since they share their
// work. An activation is one of these and its line in tables.hpp.
template <Activation f>
struct Named {};

INLINE V formula(Named<Activation::identity>, V z, real, V& df) {
    df = broadcast(1);
    return z;
}

INLINE V formula(Named<Activation::sigmoid>, V z, real, V& df) {
    const Sigmoid s = sigmoid(z);
    df = s.of_x * s.of_minus_x;
    return s.of_x;
}

INLINE V formula(Named<Activation::tanh>, V z, real, V& df) {
    const V a = tanh(z);
    df = (1 - a) * (1 + a);
    return a;
}

INLINE V formula(Named<Activation::relu>, V z, real, V& df) {
    const V one = broadcast(1);
    df = z > 0 ? one : V{};
    return relu(z);
}

INLINE V formula(Named<Activation::leaky_relu>, V z, real slope, V& df) {
    const V one = broadcast(1);
    df = z > 0 ? one : broadcast(slope);
    return z > 0 ? z : z * slope;
}

INLINE V formula(Named<Activation::elu>, V z, real alpha, V& df) {
    return exp_linear(z, 1, alpha, df);
}

INLINE V formula(Named<Activation::selu>, V z, real, V& df) {
    return exp_linear(z, SELU_SCALE, SELU_SCALE_ALPHA, df);
}

INLINE V formula(Named<Activation::softplus>, V z, real, V& df) {
    df = sigmoid(z).of_x;
    return softplus(z);
}

INLINE V formula(Named<Activation::softsign>, V z, real, V& df) {
    const V reciprocal = 1 / (1 + abs(z));
    df = reciprocal * reciprocal;
    return z / (1 + abs(z));
}

INLINE V formula(Named<Activation::gelu>, V z, real, V& df) {
    const Normal n = normal(z);
    df = n.phi + z * n.gauss * (real)0.3989422804014327;
    return z * n.phi;
}

INLINE V formula(Named<Activation::silu>, V z, real, V& df) {
    const Sigmoid s = sigmoid(z);
    df = s.of_x * (1 + z * s.of_minus_x);
    return z * s.of_x;
}

// t = tanh(softplus(z)) = p / (p + 2) with p = e (e + 2), which is 1 above z = 20.
INLINE V formula(Named<Activation::mish>, V z, real, V& df) {
    const V e = exp(z > 20 ? broadcast(20) : z), p = e * (e + 2), q = 1 / (p + 2), t = p * q;
    df = t + z * (e / (1 + e)) * (2 * q) * (1 + t);
    return z * t;
}

INLINE V formula(Named<Activation::exp>, V z, real, V& df) {
    const V a = exp(z);
    df = a;
    return a;
}

template <Activation f>
INLINE V activation(V z, real setting, V& df) {
    return formula(Named<f>{}, z, setting, df);
}

// za: z in, a out, n numbers in whole registers; df: f'(z), or null if it is not needed.
using Activate = void (*)(real* za, real* df, idx n, real setting);

template <Activation f>
void activate(real* za, real* df, idx n, real setting) {
    V slope;
    if (df) {
        for (idx j = 0; j < n; j += LANES) {
            store(za + j, activation<f>(load(za + j), setting, slope));
            store(df + j, slope);
        }
    } else {
        for (idx j = 0; j < n; j += LANES)
            store(za + j, activation<f>(load(za + j), setting, slope));
    }
}

Activate activate_of(int f) {
    switch ((Activation)f) {
#define CHAINRULE_CASE(name, settings)                                                     \
    case Activation::name:                                                                 \
        if constexpr (is_elementwise(Activation::name)) return activate<Activation::name>; \
        else return nullptr;
        CHAINRULE_ACTIVATIONS(CHAINRULE_CASE)
#undef CHAINRULE_CASE
    }
    return nullptr;
}

// Softmax of one row: z in, a out; returns the log of sum_j exp(z_j - max z), and max z.
struct LogSum {
    real most, sum;
};
LogSum softmax_forward(real* za, idx n) {
    real most = za[0];
    for (idx j = 0; j < n; j++) most = za[j] > most || za[j] != za[j] ? za[j] : most;
    V sums = {};
    for (idx j = 0; j < n; j += LANES) {
        const V e = exp(read_part(za + j, n - j) - most);
        write_part(za + j, e, n - j);
        sums += n - j >= LANES ? e : load_first(za + j, n - j);
    }
    const real sum = total(sums);
    for (idx j = 0; j < n; j += LANES) write_part(za + j, read_part(za + j, n - j) / sum, n - j);
    return {most, sum};
}
// dz = a (da - sum_j da_j a_j), in place.
void softmax_backward(real* da, const real* a, idx n) {
    V sums = {};
    for (idx j = 0; j < n; j += LANES) sums += read_part(da + j, n - j) * read_part(a + j, n - j);
    const real sum = total(sums);
    for (idx j = 0; j < n; j += LANES)
        write_part(da + j, read_part(a + j, n - j) * (read_part(da + j, n - j) - sum), n - j);
}

}  // namespace
}  // namespace chainrule
