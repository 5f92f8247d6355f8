// plan.hpp: which way a run and each of its layers go through the core, with names to print.
// Decided in one place, kernels/planning.hpp.
#pragma once

#include <cstddef>

namespace chainrule {

using idx = std::ptrdiff_t;

// How a step goes through a batch; each is a function of kernels/step.hpp.
//   single_sample  batches of one through a small network, in registers
//   parts          slices dealt to parts, each with a gradient of its own; threads share parts
//   small_batch    one slice of few rows; backward and update of wide layers are one pass over W^T
//   fused          one slice; the optimizer is the epilogue of the gradient's tiles
//   slices         slice after slice, shared by the threads; then a step from the whole gradient
//   from_gradient  a step from a gradient of the caller's
#define CHAINRULE_SCHEDULES(X) \
    X(single_sample) X(parts) X(small_batch) X(fused) X(slices) X(from_gradient)

// How a layer's z and a are computed.
//   rows       tiles; threads share rows
//   panels     tiles; threads share panels of columns: their part of W^T is in their own cache
//   few_units  dot products with rows of W: a last layer of one to four units
//   columns    each column by its own numbers: see kernels/elementwise.hpp
//   registers  see kernels/single_sample.hpp, as in the lists below
#define CHAINRULE_FORWARDS(X) X(rows) X(panels) X(few_units) X(columns) X(registers)

// How da^{l-1} and dz^{l-1} are computed: by a product with W, which is made from W^T after every
// step; from W^T as it lies (wide); or column by column. Threads share rows, or units of the layer
// below.
#define CHAINRULE_BACKWARDS(X) \
    X(none) X(product) X(product_by_units) X(wide) X(wide_by_units) X(columns) X(registers)

// How dW^T is computed, or the gradient of each column's numbers.
//   across            tiles with the outputs along the lanes
//   across_with_bias  the same, and the first of them sums db
//   along             tiles with the inputs along the lanes: few outputs leave most empty
//   panels            tiles of a wide layer, panel by panel
//   columns           sums over the rows of a column
#define CHAINRULE_GRADIENTS(X) \
    X(none) X(across) X(across_with_bias) X(along) X(panels) X(columns) X(registers)

// When the optimizer takes its step.
//   whole     once the whole gradient is there: clipping, or a gradient in several slices
//   parts     on each unit, once the parts' gradients are there, as they are summed
//   tile      on each tile of dW^T while it is in registers or in the first cache
//   one_pass  the same, while backward has just read that part of W^T
#define CHAINRULE_UPDATES(X) X(none) X(whole) X(parts) X(tile) X(one_pass) X(registers)

#define CHAINRULE_WORD(name) name,
enum class Schedule { CHAINRULE_SCHEDULES(CHAINRULE_WORD) };
enum class Forward { CHAINRULE_FORWARDS(CHAINRULE_WORD) };
enum class Backward { CHAINRULE_BACKWARDS(CHAINRULE_WORD) };
enum class Gradient { CHAINRULE_GRADIENTS(CHAINRULE_WORD) };
enum class Update { CHAINRULE_UPDATES(CHAINRULE_WORD) };
#undef CHAINRULE_WORD

#define CHAINRULE_WORD(name) #name,
constexpr const char* SCHEDULE_NAMES[] = {CHAINRULE_SCHEDULES(CHAINRULE_WORD)};
constexpr const char* FORWARD_NAMES[] = {CHAINRULE_FORWARDS(CHAINRULE_WORD)};
constexpr const char* BACKWARD_NAMES[] = {CHAINRULE_BACKWARDS(CHAINRULE_WORD)};
constexpr const char* GRADIENT_NAMES[] = {CHAINRULE_GRADIENTS(CHAINRULE_WORD)};
constexpr const char* UPDATE_NAMES[] = {CHAINRULE_UPDATES(CHAINRULE_WORD)};
#undef CHAINRULE_WORD

struct LayerPlan {
    Forward forward;
    Backward backward;
    Gradient gradient;
    Update update;
};

// How a batch of m rows is cut into slices, and these dealt to parts.
struct Partition {
    idx slice, slices, parts;  // rows of a slice; numbers of slices and of parts
    idx block;                 // slices that a thread takes together: several where each is a part
    bool by_parts;
};

struct RunPlan {
    Schedule schedule;
    Partition partition;  // of a whole batch
    bool whole_gradient;  // a step waits for it
    bool backward;        // there is a way back
    int threads;
    LayerPlan* layers;
};

}  // namespace chainrule
