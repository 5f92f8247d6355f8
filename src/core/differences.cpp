// differences.cpp: see differences.hpp.
#include "differences.hpp"

#include "worker_pool.hpp"

namespace chainrule {

namespace {

constexpr idx BLOCK = 192;  // rows: whole tiles, and activations that stay in the cache

struct Call {
    const Perturbations* perturbations;
    const Kernels* kernels;
    idx rows;
};

void serve(const void* context, idx k, void* scratch) {
    const Call& c = *static_cast<const Call*>(context);
    const idx first = k * BLOCK, left = c.rows - first;
    c.kernels->differences(*c.perturbations, first, left < BLOCK ? left : BLOCK, scratch);
}

}  // namespace

Differences::Differences(std::vector<Stage> stages, const Perturbations& perturbations,
                         std::vector<double> kinks, std::vector<double> bends, idx samples,
                         const Kernels* kernels)
    : stages_(std::move(stages)),
      perturbations_(perturbations),
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
    perturbations_.stages = stages_.data();
    perturbations_.depth = (idx)stages_.size();
    perturbations_.kinks = kinks_.data();
    perturbations_.kink_count = (idx)kinks_.size();
    perturbations_.bends = bends_.data();
    perturbations_.bend_count = (idx)bends_.size();
}

void Differences::costs(const Perturbations& batch, idx rows, int threads) const {
    Perturbations perturbations = perturbations_;
    perturbations.layer = batch.layer;
    perturbations.careful = batch.careful;
    perturbations.samples = batch.samples;
    perturbations.units = batch.units;
    perturbations.by = batch.by;
    perturbations.J = batch.J;
    perturbations.flags = batch.flags;
    perturbations.where = batch.where;
    double operations = 0;  // of a row
    for (idx l = perturbations.layer; l < perturbations.depth; l++) {
        const Stage& stage = stages_[(std::size_t)l];
        operations += 100.0 * (double)stage.n_out;
        if (l > perturbations.layer + 1)
            operations += 2.0 * (double)stage.n_in * (double)stage.n_out;
    }
    if (threads <= 0) threads = worth_threads(operations * (double)rows);
    const Call call = {&perturbations, kernels_, rows};
    const idx block = rows < BLOCK ? rows : BLOCK;
    share((rows + BLOCK - 1) / BLOCK, threads,
          kernels_->differences_scratch(stages_.data(), perturbations.depth, block), serve, &call);
}

}  // namespace chainrule
