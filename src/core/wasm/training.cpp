// training.cpp: the kernels as WebAssembly, for the page that explanation/ writes: one problem in
// float64, one thread. The page lays arrays out in memory of `take`, and passes their addresses.
// src/core/wasm/build compiles it.
#include "../kernels/kernel.cpp"

#define EXPORT(name) extern "C" __attribute__((export_name(#name), used))

extern "C" char __heap_base;  // the linker's: where the program's own data ends

namespace chainrule {
namespace {

constexpr std::size_t PAGE = 1 << 16;

char* top = &__heap_base;
Problem problem = {};
Layer* layers;
LayerPlan* layer_plans;
double* squares;  // of one pass
void* run_memory;
std::size_t run_size;

// Memory that is zero and stays; null where there is no more.
void* allocate_bytes(std::size_t size) {
    char* at = top + (64 - reinterpret_cast<std::uintptr_t>(top) % 64) % 64;
    const std::size_t end = reinterpret_cast<std::uintptr_t>(at) + size;
    const std::size_t pages = (end + PAGE - 1) / PAGE, present = __builtin_wasm_memory_size(0);
    if (pages > present && __builtin_wasm_memory_grow(0, pages - present) == (std::size_t)-1)
        return nullptr;
    top = at + size;
    return at;
}

// A run from its beginning to its end; false where there is no memory for it.
bool go(const Run& run, idx* steps, End* why) {
    const RunPlan plan = plan_of(problem, run, 1, layer_plans);
    const std::size_t size = memory_size(problem, run, plan);
    if (size > run_size) {
        void* memory = allocate_bytes(size);
        if (!memory) return false;
        run_memory = memory;
        run_size = size;
    }
    begin(problem, run, plan, run_memory, nullptr);
    work(run_memory, 0);
    *why = end(run_memory, steps);
    return true;
}

template <std::size_t N>
const Entry* entry_of(const Entry (&table)[N], int number) {
    return number < (int)N ? table + number : nullptr;
}

}  // namespace

EXPORT(take) void* take(std::size_t size) { return allocate_bytes(size); }

// An entry of table 0, 1 or 2: activations, costs, optimizers; null behind the last.
EXPORT(entry) const Entry* entry(int table, int number) {
    switch (table) {
        case 0: return entry_of(ACTIVATIONS, number);
        case 1: return entry_of(COSTS, number);
        default: return entry_of(OPTIMIZERS, number);
    }
}

// A problem begins: its layers come next, by set_layer.
EXPORT(set_problem)
bool set_problem(idx depth, int cost, double setting, bool canonical, double l1, double l2) {
    layers = static_cast<Layer*>(allocate_bytes((std::size_t)depth * sizeof(Layer)));
    layer_plans = static_cast<LayerPlan*>(allocate_bytes((std::size_t)depth * sizeof(LayerPlan)));
    squares = static_cast<double*>(allocate_bytes((std::size_t)depth * sizeof(double)));
    problem = {.depth = depth,
               .layers = layers,
               .cost = cost,
               .cost_setting = setting,
               .canonical = canonical,
               .l1 = l1,
               .l2 = l2};
    return layers && layer_plans && squares;
}

EXPORT(set_layer) void set_layer(idx l, idx n_in, idx n_out, int f, double setting) {
    const idx at = problem.parameters;
    layers[l] = {.op = Op::affine,
                 .n_in = n_in,
                 .n_out = n_out,
                 .w = at,
                 .b = at + n_in * n_out,
                 .f = f,
                 .setting = setting};
    problem.parameters += (n_in + 1) * n_out;
}

EXPORT(set_rows) void set_rows(const double* X, const double* Y, idx rows) {
    problem.X = X;
    problem.Y = Y;
    problem.rows = rows;
}

EXPORT(set_optimizer) void set_optimizer(int number, const double* settings) {
    problem.optimizer = number;
    problem.slots = OPTIMIZERS[number].slots;
    for (int i = 0; i < MOST_SETTINGS; i++) problem.settings[i] = settings[i];
}

// J over k rows of order, penalties included, and its gradient into dtheta unless that is null.
// NaN where there is no memory.
EXPORT(evaluate) double evaluate(double* theta, const std::int64_t* order, idx k, double* dtheta) {
    double J = __builtin_nan("");
    const Run run = {.theta = theta,
                     .order = order,
                     .k = k,
                     .batch = k,
                     .costs = &J,
                     .squares = squares,
                     .dtheta = dtheta};
    idx steps = 0;
    End why;
    go(run, &steps, &why);
    return J;
}

// A step for each batch of k rows of order. Returns how many led to finite numbers: theta and state
// (slots, P) are as the last of them left them. For S = ceil(k / batch) steps: rates and costs
// (S,), step_squares (S, depth).
EXPORT(train)
idx train(double* theta, double* state, const std::int64_t* order, idx k, idx batch,
          const double* rates, idx first_step, double* costs, double* step_squares) {
    Run run = {.theta = theta,
               .state = state,
               .order = order,
               .k = k,
               .batch = batch,
               .rates = rates,
               .first_step = first_step,
               .costs = costs,
               .squares = step_squares,
               .train = true};
    idx steps = 0;
    End why;
    if (!go(run, &steps, &why)) return 0;
    if (why == End::done && finite(costs[steps - 1])) return steps;
    run.k = --steps * batch;
    // As the native engine's session does: part of the run's own theta may have changed already.
    idx again = 0;
    if (why == End::unsure && steps > 0) go(run, &again, &why);
    return steps;
}

// A step from a gradient, which has the penalties' and is overwritten; false where not finite.
EXPORT(step)
bool step(double* theta, double* state, double* gradient, double rate, idx first_step) {
    const Run run = {.theta = theta,
                     .state = state,
                     .batch = 1,
                     .rates = &rate,
                     .first_step = first_step,
                     .squares = squares,
                     .train = true,
                     .gradient = gradient};
    const double l1 = problem.l1, l2 = problem.l2;
    problem.l1 = problem.l2 = 0;
    idx steps = 0;
    End why = End::stopped;
    const bool enough = go(run, &steps, &why);
    problem.l1 = l1;
    problem.l2 = l2;
    return enough && why == End::done;
}

}  // namespace chainrule
