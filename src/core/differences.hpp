// differences.hpp: the passes of a network as its numerical check has cached them, and J of its
// samples with one z moved each.
#pragma once

#include <vector>

#include "core.hpp"

namespace chainrule {

class Differences {
  public:
    // Of each stage everything but `kernel_a`; perturbations: Y and the cost, whose kinks and bends
    // are kept here.
    Differences(std::vector<Stage> stages, const Perturbations& perturbations,
                std::vector<double> kinks, std::vector<double> bends, idx samples,
                const Kernels* kernels);

    const std::vector<Stage>& stages() const { return stages_; }
    idx samples() const { return samples_; }

    // rows perturbations: layer, careful, samples, units, by; and where J, flags and `where` go.
    void costs(const Perturbations& batch, idx rows, int threads) const;

  private:
    std::vector<Stage> stages_;
    Perturbations perturbations_;
    std::vector<double> kinks_, bends_;
    idx samples_;
    const Kernels* kernels_;
    std::vector<std::vector<double>> kernel_a_;
};

}  // namespace chainrule
