// question.hpp: a long run asks Python, between its parts, whether it is to end.
#pragma once

#include <algorithm>
#include <chrono>
#include <exception>

#include "bindings.hpp"
#include "session.hpp"

namespace chainrule {

// Asks Python whether a long run is to end: where a handler of signals raises, or question() is
// true. Only the main thread hears signals: a run of another one passes None as its question.
class Question : public Stop {
  public:
    Question(nb::object question, double operations) : question_(question) {
        asked = [](Stop* stop) { return static_cast<Question*>(stop)->ask(); };
        needed_ = !question_.is_none() && operations > WORTH_ASKING;
    }
    // For Run::stop; null where steps are so short that their caller asks soon enough.
    Stop* stop() { return needed_ ? this : nullptr; }
    // What a handler raised is raised here, where Python is locked again.
    void raise() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    static constexpr double WORTH_ASKING = 1e8;  // operations: some milliseconds
    static constexpr std::chrono::milliseconds EVERY{50};

    bool ask() {
        const auto now = std::chrono::steady_clock::now();
        if (now < next_) return false;
        next_ = now + EVERY;
        const nb::gil_scoped_acquire locked;
        try {
            if (PyErr_CheckSignals() != 0) nb::raise_python_error();
            return nb::cast<bool>(question_());
        } catch (...) {
            error_ = std::current_exception();
            return true;
        }
    }

    nb::object question_;
    bool needed_;
    std::exception_ptr error_;
    std::chrono::steady_clock::time_point next_ = std::chrono::steady_clock::now() + EVERY;
};

// Takes a run's steps; returns how many were taken or tried, fewer where `question` ended it.
// Raises what a handler of signals raised.
inline idx run_asking(Session& session, Run run, int threads, nb::object question) {
    const double rows = (double)std::min(run.batch, run.k);
    Question asked(question, 6.0 * (double)session.problem().parameters * rows);
    run.stop = asked.stop();
    idx steps = 0;
    {
        const Unlocked unlocked;
        steps = session.run(run, threads);
    }
    asked.raise();
    return steps;
}

}  // namespace chainrule
