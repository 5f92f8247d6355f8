// differences.cpp: see differences.hpp.
#include "differences.hpp"

#include "worker_pool.hpp"

namespace chainrule {

namespace {

constexpr idx BLOCK = 192;  // rows: whole tiles, and activations that stay in the cache

struct Call {
    const Perturbations* moves;
    const Kernels* kernels;
    idx rows;
};

void serve(const void* context, idx k, void* scratch) {
    const Call& c = *static_cast<const Call*>(context);
    const idx first = k * BLOCK, left = c.rows - first;
    c.kernels->differences(*c.moves, first, left < BLOCK ? left : BLOCK, scratch);
}

}  // namespace

Differences::Differences(std::vector<Stage> stages, const Perturbations& moves,
                         std::vector<double> kinks, std::vector<double> bends, idx samples,
                         const Kernels* kernels)
    : stages_(std::move(stages)),
      moves_(moves),
      kinks_(std::move(kinks)),
      bends_(std::move(bends)),
      samples_(samples),
      kernels_(kernels) {
    for (Stage& stage : stages_) {
        const idx n = samples * stage.n_out;
        for (idx i = 0; i < n && stage.kinked && !stage.pinned; i++) stage.pinned = stage.z[i] == 0;
        kernel_a_.emplace_back((std::size_t)n);
        kernels_->own_outputs(stage, samples, kernel_a_.back().data());
        stage.kernel_a = kernel_a_.back().data();
    }
    moves_.stages = stages_.data();
    moves_.depth = (idx)stages_.size();
    moves_.kinks = kinks_.data();
    moves_.kink_count = (idx)kinks_.size();
    moves_.bends = bends_.data();
    moves_.bend_count = (idx)bends_.size();
}

void Differences::costs(const Perturbations& asked, idx rows, int threads) const {
    Perturbations moves = moves_;
    moves.layer = asked.layer;
    moves.careful = asked.careful;
    moves.samples = asked.samples;
    moves.units = asked.units;
    moves.by = asked.by;
    moves.J = asked.J;
    moves.flags = asked.flags;
    moves.where = asked.where;
    double operations = 0;  // of a row
    for (idx l = moves.layer; l < moves.depth; l++) {
        const Stage& stage = stages_[(std::size_t)l];
        operations += 100.0 * (double)stage.n_out;
        if (l > moves.layer + 1) operations += 2.0 * (double)stage.n_in * (double)stage.n_out;
    }
    if (threads <= 0) threads = worth_threads(operations * (double)rows);
    const Call call = {&moves, kernels_, rows};
    const idx block = rows < BLOCK ? rows : BLOCK;
    share((rows + BLOCK - 1) / BLOCK, threads,
          kernels_->differences_scratch(stages_.data(), moves.depth, block), serve, &call);
}

}  // namespace chainrule
