// session.hpp: a problem with the memory and the threads to work on it, kept from call to call.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "core.hpp"
#include "forks.hpp"
#include "memory.hpp"
#include "plan.hpp"
#include "team.hpp"

namespace chainrule {

class Session {
  public:
    Session(const Problem& problem, std::vector<Layer> layers, const Kernels* kernels);
    ~Session() { resources_.drop(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Takes the run's steps; returns how many were taken or tried. After a step whose cost or
    // gradient is not finite, theta and state are as they were before it.
    idx run(Run run, int threads);

    // Which way the run goes; `layers` gets a plan of each layer.
    RunPlan plan(const Run& run, int threads, std::vector<LayerPlan>& layers) const;

    const Problem& problem() const { return problem_; }

  private:
    // What a row has taken of late, of passes and of training: alone, and with the team.
    struct TrialTiming {
        double seconds[2] = {0, 0};
        long calls = 0;
    };
    // What runs work with, one at a time.
    struct Resources {
        std::mutex busy;
        Allocation memory;
        std::vector<LayerPlan> layer_plans;
        std::unique_ptr<ThreadTeam> team;
        TrialTiming timings[2];
    };

    // A run as it is chosen whether the team takes it; timed; taken again to the last step that is
    // finite, where one was not; once.
    void run_choosing_threads(Resources& resources, Run run, int many, idx* steps) const;
    End run_timed(Resources& resources, const Run& run, int threads, idx* steps) const;
    End run_to_last_finite_step(Resources& resources, const Run& run, int threads,
                                idx* steps) const;
    End run_once(Resources& resources, const Run& run, int threads, idx* steps) const;
    const Kernels& kernels_for(const Run& run) const;
    int sensible_threads(const Run& run) const;
    static int chosen_threads(const TrialTiming& timing, int many);

    std::vector<Layer> layers_;
    Problem problem_;
    const Kernels* kernels_;
    const int processors_;
    OfThisProcess<Resources> resources_;
};

}  // namespace chainrule
