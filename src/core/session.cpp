// session.cpp: see session.hpp.
#include "session.hpp"

#include <algorithm>
#include <chrono>

namespace chainrule {

Session::Session(const Problem& problem, std::vector<Layer> layers, const Kernels* kernels)
    : layers_(std::move(layers)), problem_(problem), kernels_(kernels), processors_(processors()) {
    problem_.layers = layers_.data();
    problem_.depth = (idx)layers_.size();
}

// Few units leave most of a wide register empty, and a narrow one answers sooner. Where several outputs of many
// rows lie in one piece, the wide one is the faster all the same.
const Kernels& Session::kernels_for(const Run& run) const {
    idx most = 0;
    for (const Layer& layer : layers_) most = std::max(most, layer.n_out);
    const bool few = kernels_->narrow && most <= kernels_->narrow->lanes;
    return few && (run.batch == 1 || layers_.back().n_out == 1) ? *kernels_->narrow : *kernels_;
}

// One thread for what is small: a barrier costs a fraction of a microsecond, a step of this many
// operations some tens of them.
int Session::sensible_threads(const Run& run) const {
    double operations = 0;
    for (const Layer& layer : layers_) operations += (double)layer.n_in * (double)layer.n_out;
    operations *= (run.train || run.dtheta ? 6.0 : 2.0) * (double)std::min(run.batch, run.k);
    constexpr double WORTH_A_THREAD = 2.5e6;
    const double threads = operations / WORTH_A_THREAD;
    if (threads < 2) return 1;
    return (int)std::min(threads, (double)std::min(processors_, 64));
}

// The team or the caller alone, whichever was faster of late: on a processor that others use too, a
// team waits for whoever is not running. Both give the same bits, so that either can be tried.
int Session::chosen_threads(Pace& pace, const Run& run) const {
    const int many = sensible_threads(run);
    if (many == 1) return 1;
    constexpr long TRY_EVERY = 32;
    const long call = pace.calls++ % TRY_EVERY;
    const bool known = pace.seconds[0] > 0 && pace.seconds[1] > 0;
    const bool alone_is_faster = known && pace.seconds[0] < pace.seconds[1];
    if (call == 1) return alone_is_faster ? many : 1;
    return alone_is_faster ? 1 : many;
}

End Session::attempt(Tools& tools, const Run& run, int threads, idx* steps) const {
    if (threads > 1 && (!tools.team || tools.team->asked != threads))
        tools.team = std::make_unique<ThreadTeam>(threads);
    ThreadTeam* team = threads > 1 ? tools.team.get() : nullptr;
    if (team) threads = team->threads;
    const Kernels& kernels = kernels_for(run);
    void* at = tools.workspace.need(kernels.workspace(problem_, run, threads));
    kernels.begin(problem_, run, at, team);
    if (team) team->run(kernels.work, at);
    else kernels.work(at, 0);
    return kernels.end(at, steps);
}

idx Session::run(Run run, int threads) {
    Tools& tools = tools_.get();
    const std::lock_guard<std::mutex> lock(tools.busy);
    Pace& pace = tools.paces[run.train];
    const bool chosen = threads <= 0;
    if (chosen) threads = chosen_threads(pace, run);
    const auto began = std::chrono::steady_clock::now();
    const idx steps = take(tools, run, threads);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    if (chosen && run.k > 0 && pace.calls > 1) {  // the first call made the team
        double& seconds = pace.seconds[threads > 1];
        const double now = took.count() / (double)run.k;
        seconds = seconds > 0 ? (seconds + now) / 2 : now;
    }
    return steps;
}

idx Session::take(Tools& tools, const Run& run, int threads) const {
    idx steps = 0;
    if (!run.train || run.given) {
        attempt(tools, run, threads, &steps);
        return steps;
    }
    // Where the optimizer is the gradient's epilogue, a gradient that is not finite shows when part of
    // the run's own theta has changed already. Then the run is taken again, to the step before.
    if (attempt(tools, run, threads, &steps) != End::unsure) return steps;
    if (steps > 1) {
        Run again = run;
        again.k = (steps - 1) * run.batch;
        idx taken = 0;
        attempt(tools, again, threads, &taken);
    }
    return steps;
}

}  // namespace chainrule
