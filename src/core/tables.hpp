// tables.hpp: the one list of what the core knows. Names and settings are those of Python's tables;
// bindings.cpp hands the list to Python, which numbers its records by it and tests it against them.
#pragma once

#include <cstddef>

//                                name            settings
#define CHAINRULE_ACTIVATIONS(X) \
    X(identity, "")              \
    X(sigmoid, "")               \
    X(tanh, "")                  \
    X(relu, "")                  \
    X(leaky_relu, "slope")       \
    X(elu, "alpha")              \
    X(selu, "")                  \
    X(softplus, "")              \
    X(softsign, "")              \
    X(gelu, "")                  \
    X(silu, "")                  \
    X(mish, "")                  \
    X(exp, "")                   \
    X(softmax, "")

#define CHAINRULE_COSTS(X)        \
    X(logistic, "")               \
    X(cross_entropy, "smoothing") \
    X(squared_error, "")          \
    X(absolute_error, "")         \
    X(huber, "delta")             \
    X(quantile, "q")              \
    X(poisson, "")

//                                name              settings                            slots
#define CHAINRULE_OPTIMIZERS(X)       \
    X(gradient_descent, "", 0)        \
    X(momentum, "momentum", 1)        \
    X(nesterov, "momentum", 1)        \
    X(rmsprop, "decay epsilon", 1)    \
    X(adagrad, "epsilon", 1)          \
    X(adam, "beta1 beta2 epsilon", 2) \
    X(adamw, "beta1 beta2 epsilon weight_decay", 2)

// Kinds of layers. An affine layer has W as well, and is the only one that changes the width; a
// further kind is one line, and its formula in a file of kernels/.
//                                name              numbers of each column
#define CHAINRULE_OPS(X) \
    X(affine, "", 1)     \
    X(scale, "", 1)

// Pairs of which dz = a - y, as mathematics/costs.py lists them: (output activation, cost).
#define CHAINRULE_CANONICAL_PAIRS(X) \
    X(sigmoid, logistic)             \
    X(softmax, cross_entropy)        \
    X(identity, squared_error)       \
    X(exp, poisson)

namespace chainrule {

#define CHAINRULE_NAME(name, ...) name,
enum class Activation : int { CHAINRULE_ACTIVATIONS(CHAINRULE_NAME) };
enum class Cost : int { CHAINRULE_COSTS(CHAINRULE_NAME) };
enum class Optimizer : int { CHAINRULE_OPTIMIZERS(CHAINRULE_NAME) };
enum class Op : int { CHAINRULE_OPS(CHAINRULE_NAME) };
#undef CHAINRULE_NAME

// An entry of a table; the names of its settings stand apart by one blank.
struct Entry {
    const char *name, *settings;
    int slots;  // numbers that an optimizer keeps for each parameter, an op for each column

    constexpr int setting_count() const {
        int count = *settings != 0;
        for (const char* c = settings; *c; c++) count += *c == ' ';
        return count;
    }
};
constexpr int MOST_SETTINGS = 4;

#define CHAINRULE_ENTRY(name, settings, ...) {#name, settings, __VA_ARGS__ + 0},
constexpr Entry ACTIVATIONS[] = {CHAINRULE_ACTIVATIONS(CHAINRULE_ENTRY)};
constexpr Entry COSTS[] = {CHAINRULE_COSTS(CHAINRULE_ENTRY)};
constexpr Entry OPTIMIZERS[] = {CHAINRULE_OPTIMIZERS(CHAINRULE_ENTRY)};
constexpr Entry OPS[] = {CHAINRULE_OPS(CHAINRULE_ENTRY)};
#undef CHAINRULE_ENTRY

template <std::size_t N>
constexpr bool take_at_most(const Entry (&table)[N], int settings) {
    for (const Entry& entry : table)
        if (entry.setting_count() > settings) return false;
    return true;
}
static_assert(take_at_most(ACTIVATIONS, 1) && take_at_most(COSTS, 1), "a kernel takes one setting");
static_assert(take_at_most(OPTIMIZERS, MOST_SETTINGS));

}  // namespace chainrule
