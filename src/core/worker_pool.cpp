// worker_pool.cpp: see worker_pool.hpp.
#include "worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "forks.hpp"
#include "team.hpp"

namespace chainrule {

namespace {

constexpr std::align_val_t ALIGNMENT{64};
// Operations: about a millisecond, some twenty times what waking a helper takes.
constexpr double WORTH_A_THREAD = 1e7;

struct Scratch {
    void* at;
    explicit Scratch(std::size_t size) : at(::operator new(size, ALIGNMENT)) {}
    ~Scratch() { ::operator delete(at, ALIGNMENT); }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
};

// One call. Who comes when no block is left touches nothing that the caller owns.
struct Work {
    idx blocks;
    std::size_t scratch;
    void (*serve)(const void*, idx, void*);
    const void* context;
    std::atomic<idx> next{0}, done{0};

    void help(void* memory) {
        for (idx k; (k = next.fetch_add(1, std::memory_order_relaxed)) < blocks;) {
            serve(context, k, memory);
            if (done.fetch_add(1, std::memory_order_acq_rel) + 1 == blocks) done.notify_all();
        }
    }
};

// The helpers of one process; they sleep between calls and end with the process.
class WorkerPool {
  public:
    // Calls for helpers, unless another thread is just calling for some.
    void call(const std::shared_ptr<Work>& work, int helpers) {
        const std::unique_lock<std::mutex> lock(mutex_, std::try_to_lock);
        if (!lock.owns_lock()) return;
        for (; threads_ < helpers; threads_++) {
            try {
                std::thread([this] { live(); }).detach();
            } catch (const std::system_error&) {
                break;
            }
        }
        for (int n = 0; n < std::min(helpers, threads_); n++) waiting_.push_back(work);
        wake_.notify_all();
    }

  private:
    void live() {
        for (;;) {
            std::shared_ptr<Work> work;
            {
                std::unique_lock<std::mutex> lock(mutex_);
                wake_.wait(lock, [this] { return !waiting_.empty(); });
                work = std::move(waiting_.front());
                waiting_.pop_front();
            }
            try {
                const Scratch memory(work->scratch);
                work->help(memory.at);
            } catch (const std::bad_alloc&) {  // the caller does its part
            }
        }
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::shared_ptr<Work>> waiting_;
    int threads_ = 0;
};

constinit OfThisProcess<WorkerPool> pool;

}  // namespace

int worth_threads(double operations) {
    const double worth = operations / WORTH_A_THREAD;
    return worth < 2 ? 1 : (int)std::min(worth, (double)std::min(processors(), 64));
}

void share(idx blocks, int threads, std::size_t scratch, void (*serve)(const void*, idx, void*),
           const void* context) {
    const Scratch memory(scratch);
    const auto work = std::make_shared<Work>();
    work->blocks = blocks;
    work->scratch = scratch;
    work->serve = serve;
    work->context = context;
    const int helpers = (int)std::min((idx)threads, blocks) - 1;
    if (helpers > 0) pool.get().call(work, helpers);
    work->help(memory.at);
    for (idx done; (done = work->done.load(std::memory_order_acquire)) < blocks;)
        work->done.wait(done, std::memory_order_acquire);
}

}  // namespace chainrule
