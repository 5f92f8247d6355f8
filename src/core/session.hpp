// session.hpp: a problem with the memory and the threads to work on it, kept from call to call.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "forks.hpp"
#include "memory.hpp"
#include "team.hpp"

namespace chainrule {

class Session {
  public:
    Session(const Problem& problem, std::vector<Layer> layers, const Kernels* kernels);
    ~Session() { tools_.drop(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    // Takes the run's steps; returns how many were taken or tried. After a step whose cost or
    // gradient is not finite, theta and state are as they were before it.
    idx run(Run run, int threads);

    const Problem& problem() const { return problem_; }

  private:
    // What a row has taken of late, of passes and of training: alone, and with the team.
    struct Pace {
        double seconds[2] = {0, 0};
        long calls = 0;
    };
    // What runs work with, one at a time.
    struct Tools {
        std::mutex busy;
        Allocation workspace;
        std::unique_ptr<ThreadTeam> team;
        Pace paces[2];
    };

    void chosen(Tools& tools, Run run, int many, idx* steps) const;
    End timed(Tools& tools, const Run& run, int threads, idx* steps) const;
    End take(Tools& tools, const Run& run, int threads, idx* steps) const;
    End attempt(Tools& tools, const Run& run, int threads, idx* steps) const;
    const Kernels& kernels_for(const Run& run) const;
    int sensible_threads(const Run& run) const;
    static int chosen_threads(const Pace& pace, int many);

    std::vector<Layer> layers_;
    Problem problem_;
    const Kernels* kernels_;
    const int processors_;
    OfThisProcess<Tools> tools_;
};

}  // namespace chainrule
