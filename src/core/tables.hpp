// tables.hpp: the one list of what the core knows. Names and settings are those of Python's tables;
// bindings.cpp hands the list to Python, which numbers its records by it and tests it against them.
#pragma once

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
    X(exp, "")                   \
    X(softmax, "")

#define CHAINRULE_COSTS(X)         \
    X(logistic, "")                \
    X(cross_entropy, "smoothing")  \
    X(squared_error, "")           \
    X(absolute_error, "")          \
    X(huber, "delta")              \
    X(quantile, "q")               \
    X(poisson, "")

//                                name             slots  settings
#define CHAINRULE_OPTIMIZERS(X)                    \
    X(gradient_descent, 0, "")                     \
    X(momentum, 1, "momentum")                     \
    X(nesterov, 1, "momentum")                     \
    X(rmsprop, 1, "decay epsilon")                 \
    X(adagrad, 1, "epsilon")                       \
    X(adam, 2, "beta1 beta2 epsilon")              \
    X(adamw, 2, "beta1 beta2 epsilon weight_decay")

namespace chainrule {

#define CHAINRULE_NAME(name, ...) name,
enum class F : int { CHAINRULE_ACTIVATIONS(CHAINRULE_NAME) };
enum class C : int { CHAINRULE_COSTS(CHAINRULE_NAME) };
enum class O : int { CHAINRULE_OPTIMIZERS(CHAINRULE_NAME) };
#undef CHAINRULE_NAME

#define CHAINRULE_ONE(...) +1
constexpr int ACTIVATIONS = CHAINRULE_ACTIVATIONS(CHAINRULE_ONE);
constexpr int COSTS = CHAINRULE_COSTS(CHAINRULE_ONE);
constexpr int OPTIMIZERS = CHAINRULE_OPTIMIZERS(CHAINRULE_ONE);
#undef CHAINRULE_ONE
#define CHAINRULE_SLOTS(name, slots, settings) slots,
constexpr int SLOTS[] = {CHAINRULE_OPTIMIZERS(CHAINRULE_SLOTS)};
#undef CHAINRULE_SLOTS

}  // namespace chainrule
