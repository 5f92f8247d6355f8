// session.cpp: see session.hpp.
#include "session.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace chainrule {

Session::Session(const Problem& problem, std::vector<Layer> layers, const Kernels* kernels)
    : layers_(std::move(layers)), problem_(problem), kernels_(kernels), processors_(processors()) {
    problem_.layers = layers_.data();
    problem_.depth = (idx)layers_.size();
}

// Few units leave most of a wide register empty, and a narrow one answers sooner. Where several
// outputs of many rows lie in one piece, the wide one is the faster all the same.
const Kernels& Session::kernels_for(const Run& run) const {
    idx most = 0;
    for (const Layer& layer : layers_) most = std::max(most, layer.n_out);
    const bool few = kernels_->narrow && most <= kernels_->narrow->lanes;
    return few && (run.batch == 1 || layers_.back().n_out == 1) ? *kernels_->narrow : *kernels_;
}

// One thread for what is small: a barrier costs a fraction of a microsecond, a step of this many
// operations some tens of them. Moving W takes about as long as the operations of some samples do.
int Session::sensible_threads(const Run& run) const {
    double weights = 0;
    for (const Layer& layer : layers_) weights += (double)size_of_W(layer);
    constexpr double WORTH_A_THREAD = 1.5e6, MOVING_W = 4;
    const double samples = (double)std::min(run.batch, run.k) + MOVING_W;
    const double threads =
        weights * samples * (run.train || run.dtheta ? 6.0 : 2.0) / WORTH_A_THREAD;
    if (threads < 2) return 1;
    return (int)std::min(threads, (double)std::min(processors_, 64));
}

// The team or the caller alone, whichever was faster of late: on a processor that others use too, a
// team waits for threads that are not running. Both give the same bits, so that either can be
// tried.
int Session::chosen_threads(const TrialTiming& timing, int many) {
    const bool known = timing.seconds[0] > 0 && timing.seconds[1] > 0;
    return known && timing.seconds[0] < timing.seconds[1] ? 1 : many;
}

RunPlan Session::plan(const Run& run, int threads, std::vector<LayerPlan>& layers) const {
    layers.resize(layers_.size());
    return kernels_for(run).plan(problem_, run, threads, layers.data());
}

End Session::run_once(Resources& resources, const Run& run, int threads, idx* steps) const {
    if (threads > 1 && (!resources.team || resources.team->asked != threads))
        resources.team = std::make_unique<ThreadTeam>(threads);
    ThreadTeam* team = threads > 1 ? resources.team.get() : nullptr;
    if (team) threads = team->threads;
    const Kernels& kernels = kernels_for(run);
    const RunPlan plan = this->plan(run, threads, resources.layer_plans);
    void* memory = resources.memory.need(kernels.memory_size(problem_, run, plan));
    kernels.begin(problem_, run, plan, memory, team);
    if (team) team->run(kernels.work, memory);
    else kernels.work(memory, 0);
    return kernels.end(memory, steps);
}

idx Session::run(Run run, int threads) {
    Resources& resources = resources_.get();
    const std::lock_guard<std::mutex> lock(resources.busy);
    idx steps = 0;
    const int many = threads > 0 ? threads : sensible_threads(run);
    if (threads <= 0 && many > 1) run_choosing_threads(resources, run, many, &steps);
    else run_to_last_finite_step(resources, run, many, &steps);
    return steps;
}

// A call as it is chosen. Now and then a small part of its steps is taken the other way first, more
// often where that is the team's, which has more to win; and the last times count alone. So a
// choice made while other threads had work does not outlast them.
void Session::run_choosing_threads(Resources& resources, Run run, int many, idx* steps) const {
    constexpr idx SHARE = 32;
    TrialTiming& timing = resources.timings[run.train];
    const idx all = run.train && !run.gradient ? (run.k + run.batch - 1) / run.batch : 1;
    const long call = timing.calls++;
    const int now = chosen_threads(timing, many), other = now == 1 ? many : 1;
    if (all < SHARE) {
        run_timed(resources, run, call % (now == 1 ? 8 : 32) == 1 ? other : now, steps);
        return;
    }
    if (call > 0 && (now == 1 || call % 4 == 1)) {
        Run part = run;
        const idx tried = all / SHARE;
        part.k = tried * run.batch;
        if (run_timed(resources, part, other, steps) != End::done ||
            !std::isfinite(run.costs[*steps - 1]))
            return;
        run.order += part.k;
        run.k -= part.k;
        run.rates += tried;
        run.first_step += tried;
        run.costs += tried;
        run.squares += tried * problem_.depth;
    }
    idx rest = 0;
    run_timed(resources, run, chosen_threads(timing, many), &rest);
    *steps += rest;
}

// Takes steps and notes what a row took.
End Session::run_timed(Resources& resources, const Run& run, int threads, idx* steps) const {
    const bool first = threads > 1 && !resources.team;  // which makes the team
    const auto began = std::chrono::steady_clock::now();
    const End end = run_to_last_finite_step(resources, run, threads, steps);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (run.k > 0 && !first)
        resources.timings[run.train].seconds[threads > 1] = took.count() / (double)run.k;
    return end;
}

// *steps: how many steps were taken or tried.
End Session::run_to_last_finite_step(Resources& resources, const Run& run, int threads,
                                     idx* steps) const {
    const End end = run_once(resources, run, threads, steps);
    // Where the optimizer is the gradient's epilogue, a gradient that is not finite shows when part
    // of the run's own theta has changed already. Then the run is taken again, to the step before.
    if (end == End::unsure && run.train && !run.gradient && *steps > 1) {
        Run again = run;
        again.k = (*steps - 1) * run.batch;
        idx steps_taken = 0;
        run_once(resources, again, threads, &steps_taken);
    }
    return end;
}

}  // namespace chainrule
