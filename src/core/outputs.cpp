// outputs.cpp: see outputs.hpp.
#include "outputs.hpp"

#include <algorithm>

#include "worker_pool.hpp"

namespace chainrule {

namespace {

// Operations that take longer than to let other threads of Python run and to return from that.
constexpr double WORTH_A_RELEASE = 2e5;
// Activations of a block of rows: they stay in a core's second cache.
constexpr std::size_t BLOCK_BYTES = 256 << 10;

struct Call {
    const Layer* layers;
    idx depth;
    const Kernels* kernels;
    const char *theta, *X;
    char* out;
    idx rows, block, from, to;  // from, to: bytes of a row of X and of out
};

void serve(const void* context, idx k, void* scratch) {
    const Call& c = *static_cast<const Call*>(context);
    const idx first = k * c.block, rows = std::min(c.block, c.rows - first);
    c.kernels->outputs(c.layers, c.depth, c.theta, c.X + first * c.from, c.out + first * c.to, rows,
                       scratch);
}

}  // namespace

Outputs::Outputs(std::vector<Layer> layers, const Kernels* kernels, std::size_t real_size)
    : layers_(std::move(layers)), kernels_(kernels), real_size_(real_size) {
    std::size_t widest = 1;
    for (const Layer& layer : layers_) {
        operations_ += 2.0 * (double)size_of_W(layer);
        widest = std::max(widest, (std::size_t)std::max(layer.n_in, layer.n_out));
    }
    const std::size_t rows = BLOCK_BYTES / (2 * widest * real_size);
    block_ = (idx)std::clamp<std::size_t>(rows / 24 * 24, 48, 960);  // whole tiles
}

bool Outputs::takes_long(idx rows) const { return operations_ * (double)rows > WORTH_A_RELEASE; }

void Outputs::of(const void* theta, const void* X, void* out, idx rows, int threads) const {
    if (rows == 0) return;
    const idx depth = (idx)layers_.size();
    const idx block = std::min(rows, block_);
    const std::size_t size = kernels_->outputs_scratch(layers_.data(), depth, block);
    constexpr std::size_t SMALL = 16 << 10;
    if (size <= SMALL && rows == block) {
        alignas(64) char scratch[SMALL];
        return kernels_->outputs(layers_.data(), depth, theta, X, out, rows, scratch);
    }
    if (threads <= 0) threads = worth_threads(operations_ * (double)rows);
    const Call call = {layers_.data(),
                       depth,
                       kernels_,
                       static_cast<const char*>(theta),
                       static_cast<const char*>(X),
                       static_cast<char*>(out),
                       rows,
                       block,
                       layers_.front().n_in * (idx)real_size_,
                       layers_.back().n_out * (idx)real_size_};
    share((rows + block - 1) / block, threads, size, serve, &call);
}

}  // namespace chainrule
