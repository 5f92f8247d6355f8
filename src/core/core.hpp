// core.hpp: the plain records that the parts of the core hand to one another. No Python, no STL in
// what the kernels see: they are compiled once per instruction set, and an inline function of the
// standard library compiled there could end up in code that runs everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

#include "plan.hpp"
#include "tables.hpp"

namespace chainrule {

// One op, with what is fused with it. The numbers of each column, b (n_out) of an affine layer, s
// of a scale, lie at theta[b]; W^T (n_in, n_out), row-major, at theta[w], of an affine layer alone.
struct Layer {
    Op op;
    idx n_in, n_out;
    idx w, b;
    int f;           // its activation, an Activation: identity of all but affine layers
    double setting;  // the activation's setting, if it has one
    double rate;     // dropout of what it gives
    idx place;       // of the dropout's masks
};

// Rows of W^T, none where there is no W; numbers of W; numbers of all columns. Static, as in
// splitmix.hpp.
static inline idx rows_of_W(const Layer& layer) { return layer.op == Op::affine ? layer.n_in : 0; }
static inline idx size_of_W(const Layer& layer) { return rows_of_W(layer) * layer.n_out; }
static inline idx column_numbers(const Layer& layer) {
    return OPS[(int)layer.op].slots * layer.n_out;
}

// What is to be trained: everything but the parameters.
struct Problem {
    idx depth;  // L
    const Layer* layers;
    idx parameters;     // P
    double input_rate;  // dropout of the inputs
    int cost;           // a Cost
    double cost_setting;
    bool canonical;  // output activation and cost are a canonical pair
    double l1, l2;
    std::uint64_t seed;
    int optimizer;  // an Optimizer
    double settings[MOST_SETTINGS];
    idx slots;
    double clip_value, clip_norm;  // 0: none
    const void* X;                 // (rows, n_0)
    const void* Y;                 // (rows, n_L)
    const void* weights;           // (rows,) or null
    idx rows;
};

// Whether a run is to end before its batch in hand is done: asked between slices of a batch, by the
// thread that called.
struct Stop {
    bool (*asked)(Stop*);
};

// One call: S = ceil(k / batch) steps over the rows that order names, or a pass over them.
struct Run {
    void* theta;                // (P,), what the steps made of it when the run ends
    void* state;                // (slots, P), likewise
    const std::int64_t* order;  // (k,), or null for 0 .. k - 1
    idx k, batch;
    const double* rates;  // (S,)
    idx first_step;
    double* costs;               // (S,)
    double* squares;             // (S, L)
    void* dtheta;                // evaluate: the gradient (P,), or null for the cost alone
    bool train;                  // update theta; otherwise one pass
    bool careful;                // the whole gradient before any update
    bool masked;                 // with the dropout masks of each step; always in training
    const std::int64_t* places;  // (k,) or null: which row of a mask is whose, where rows are part
                                 // of a larger batch
    bool summed;                 // sums over the rows instead of means, and no penalties
    void* gradient;  // (P,) or null: a step from this gradient, which is overwritten; no rows
    Stop* stop;      // or null
};

// A layer as the numerical check of gradients sees it, over all samples: (m, n_out) each but W and
// b.
struct Stage {
    idx n_in, n_out;
    int f;
    double setting;
    bool kinked, bends;      // whether f' jumps at z = 0, or f'' does
    bool pinned;             // whether some z is exactly 0, on a kink
    const double *W, *b;     // W^T (n_in, n_out)
    const double *z, *a;     // as they were cached
    const double* mask;      // of dropout on a, or null
    const double* kernel_a;  // a as the kernels compute it from z
};

// Rows that are each a sample with one z of one layer perturbed, and what they come to.
enum : std::uint8_t { MET = 1, STILL = 2, BENT = 4 };
struct Perturbations {
    const Stage* stages;
    idx depth, layer;
    const double* Y;  // (m, n_L), smoothed
    int cost;
    double cost_setting;
    bool canonical;
    const double *kinks, *bends;  // the a - y at which the cost's slope jumps, or the slope's
    idx kink_count, bend_count;
    bool careful;  // note layers that stay 0
    const std::int64_t *samples, *units;
    const double* by;
    double* J;
    std::uint8_t* flags;  // MET a kink, STILL: nothing but what is exactly 0 stays so, BENT
    std::int32_t* where;  // (rows, 2): layer from 1 and unit of the first kink met; 0: none
};

// A column of numbers, and where in a row it goes. `type` is Arrow's letter: c C s S i I l L f g.
struct ArrowNumbers {
    char type;
    const void* values;         // the first row's
    const std::uint8_t* valid;  // a bit for each row, or null: every row has a value
    idx valid_first;            // the first row's bit
    double mean, scale;
    bool missing;  // the next place says with a 1 that there is no value
    idx place;
};

// Why a run ended.
enum class End : int { done, stopped, unsure };

// A team of threads; the function runs once on each, numbered from 0.
struct Team {
    int threads;
    void (*barrier)(Team*, int thread);
};

constexpr int ELEMENTWISE = 7;  // functions of Kernels::elementwise

// What one compilation of the kernels offers. A run lives in memory of the caller's: zeroed,
// aligned to 64 bytes, of the size that `memory_size` says.
struct Kernels {
    RunPlan (*plan)(const Problem&, const Run&, int threads, LayerPlan* layers);
    std::size_t (*memory_size)(const Problem&, const Run&, const RunPlan&);
    void (*begin)(const Problem&, const Run&, const RunPlan&, void* memory, Team*);
    void (*work)(void* memory, int thread);
    End (*end)(void* memory, idx* steps);
    void (*elementwise)(int function, const void* x, void* y, idx n);  // for tests of accuracy
    // a^L (rows, n_L) of X (rows, n_0), on uninitialised scratch of the caller's.
    std::size_t (*outputs_scratch)(const Layer*, idx depth, idx rows);
    void (*outputs)(const Layer*, idx depth, const void* theta, const void* X, void* out, idx rows,
                    void* scratch);
    // The perturbations [first, first + rows), and what the kernels make of a layer's z: float64
    // alone.
    std::size_t (*differences_scratch)(const Stage*, idx depth, idx rows);
    void (*differences)(const Perturbations&, idx first, idx rows, void* scratch);
    void (*own_outputs)(const Stage&, idx samples, double* a);
    // (x - mean) / scale of some rows, in ascending order, into out (m, width); 0 where there is no
    // value or NaN. False if a number is not finite: then out holds anything.
    bool (*standardise)(const ArrowNumbers* columns, idx count, const std::int64_t* rows, idx m,
                        void* out, idx width);
    idx lanes;              // numbers of a register
    const Kernels* narrow;  // of registers half as wide, or null
};

struct Isa {
    const char* name;
    bool (*supported)();
    const Kernels* of_float;
    const Kernels* of_double;
};

const Isa* isas(int* count);  // best first

}  // namespace chainrule
