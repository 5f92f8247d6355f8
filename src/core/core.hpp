// core.hpp: the plain records that the parts of the core hand to one another. No Python, no STL in
// what the kernels see: they are compiled once per instruction set, and an inline function of the
// standard library compiled there could end up in code that runs everywhere.
#pragma once

#include <cstddef>
#include <cstdint>

namespace chainrule {

using idx = std::ptrdiff_t;

// One Dense layer: W^T (n_in, n_out) row-major at theta[w], b (n_out) at theta[b].
struct Layer {
    idx n_in, n_out;
    idx w, b;
    int f;           // its activation, an F
    double setting;  // the activation's setting, if it has one
    double rate;     // dropout of its activations
};

// What is to be trained: everything but the parameters.
struct Problem {
    idx depth;  // L
    const Layer* layers;
    idx parameters;     // P
    double input_rate;  // dropout of the inputs
    int cost;           // a C
    double cost_setting;
    bool canonical;  // output activation and cost are a canonical pair
    double l1, l2;
    std::uint64_t seed;
    int optimizer;  // an O
    double settings[4];
    idx slots;
    double clip_value, clip_norm;  // 0: none
    const void* X;                 // (rows, n_0)
    const void* Y;                 // (rows, n_L)
    const void* weights;           // (rows,) or null
    idx rows;
};

// One call: S = ceil(k / batch) steps over the rows that order names, or a pass over them.
struct Run {
    void* theta;  // (P,), updated in place
    void* state;  // (slots, P), updated in place
    const std::int64_t* order;  // (k,), or null for 0 .. k - 1
    idx k, batch;
    const double* rates;  // (S,)
    idx first_step;
    double* costs;    // (S,)
    double* squares;  // (S, L)
    void* dtheta;     // evaluate: the gradient (P,), or null for the cost alone
    void* outputs;    // predict: (k, n_L)
    bool train;       // update theta; otherwise one pass
    bool careful;     // the whole gradient before any update
    bool masked;      // with the dropout masks of each step; so does whoever trains
    const std::int64_t* places;  // (k,) or null: which row of a mask is whose, where rows are part
                                 // of a larger batch
    bool summed;   // sums over the rows instead of means, and no penalties
    void* given;   // (P,) or null: a step from this gradient, which is overwritten; no rows
};

// Why a run ended.
enum class End : int { done, stopped, unsure };

// A team of threads; the function runs once on each, numbered from 0.
struct Team {
    int threads;
    void (*barrier)(Team*, int thread);
};

// What one compilation of the kernels offers. A run lives in a workspace of the caller's: zeroed
// memory, aligned to 64 bytes, of the size that `workspace` says.
struct Kernels {
    std::size_t (*workspace)(const Problem&, const Run&, int threads);
    void (*begin)(const Problem&, const Run&, void* workspace, Team*);
    void (*work)(void* workspace, int thread);
    End (*end)(void* workspace, idx* steps);
    void (*elementwise)(int function, const void* x, void* y, idx n);  // for tests of accuracy
};

struct Isa {
    const char* name;
    bool (*supported)();
    const Kernels* of_float;
    const Kernels* of_double;
};

const Isa* isas(int* count);  // best first

}  // namespace chainrule
