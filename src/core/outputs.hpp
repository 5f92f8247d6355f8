// outputs.hpp: a network's outputs for rows of X. Nothing is kept between calls, so that any thread
// and any fork may call at any time.
#pragma once

#include <vector>

#include "core.hpp"

namespace chainrule {

class Outputs {
  public:
    Outputs(std::vector<Layer> layers, const Kernels* kernels, std::size_t real_size);

    // out (rows, n_L) = a^L of X (rows, n_0). threads 0: as many as the work is worth.
    void of(const void* theta, const void* X, void* out, idx rows, int threads) const;

    // Whether a call takes long enough for other threads of Python to go on meanwhile.
    bool takes_long(idx rows) const;

    const std::vector<Layer>& layers() const { return layers_; }

  private:
    std::vector<Layer> layers_;
    const Kernels* kernels_;
    std::size_t real_size_;
    double operations_ = 0;  // of a row
    idx block_;              // rows that a thread takes at a time
};

}  // namespace chainrule
