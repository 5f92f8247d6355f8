// exhaustive.cpp: the vector functions on every float32 there is, on every instruction set of this
// machine, against the C library in double; and float64 on random numbers, against long double.
// `exhaustive [stride]` takes every stride-th float32 (1: all); exits with 1 above a limit, or
// where a value depends on its place in a register. See tests/native/accuracy.
#include <algorithm>
#include <atomic>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include "../../src/core/core.hpp"

using namespace chainrule;

template <class T>
T sigmoid(T x) {
    return 1 / (1 + std::exp(-x));
}
template <class T>
T softplus(T x) {
    return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
}
template <class T>
T phi(T x) {
    return std::erfc(-x * std::sqrt((T)0.5)) / 2;
}

struct Function {
    const char* name;
    int number;  // in Kernels::elementwise
    double limit;
    double most;  // arguments above are not the function's
    double (*of_double)(double);
    long double (*of_long)(long double);
};
#define CHAINRULE_BOTH(f) \
    [](double x) -> double { return f(x); }, [](long double x) -> long double { return f(x); }
const Function FUNCTIONS[] = {
    {"exp", 0, 2, INFINITY, CHAINRULE_BOTH(std::exp)},
    {"tanh", 1, 4, INFINITY, CHAINRULE_BOTH(std::tanh)},
    {"sigmoid", 2, 4, INFINITY, CHAINRULE_BOTH(sigmoid)},
    {"softplus", 3, 4, INFINITY, CHAINRULE_BOTH(softplus)},
    {"log", 4, 2, INFINITY, CHAINRULE_BOTH(std::log)},
    {"exp - 1", 5, 4, 44, CHAINRULE_BOTH(std::expm1)},
    {"normal", 6, 8, INFINITY, CHAINRULE_BOTH(phi)},
};

// Units of the last place of the binade that the truth lies in, between found and truth. Infinity
// stands for the power of two above the largest number.
double distance(float found, double truth) {
    const double end = 0x1p128;
    const double there = std::fabs((double)found) > end ? std::copysign(end, (double)found) : found;
    const double true_ = std::fabs(truth) > end ? std::copysign(end, truth) : truth;
    const std::int64_t exponent =
        (std::int64_t)(std::bit_cast<std::uint64_t>(truth) >> 52 & 2047) - 1023;
    const std::int64_t inside = exponent < -126 ? -126 : exponent > 127 ? 127 : exponent;
    const double per_unit = std::bit_cast<double>((std::uint64_t)(1023 + 23 - inside) << 52);
    return (found != found) & (truth != truth) ? 0 : std::fabs(there - true_) * per_unit;
}
double distance(double found, long double truth) {
    const long double end = 0x1p1024L;
    if (std::isnan(truth) && std::isnan(found)) return 0;
    const long double there = std::isinf(found) ? std::copysign(end, (long double)found) : found;
    truth = std::fmax(-end, std::fmin(end, truth));
    const int exponent = truth == 0 ? DBL_MIN_EXP : std::ilogb(truth) + 1;
    const int inside = std::max(DBL_MIN_EXP, std::min(DBL_MAX_EXP, exponent));
    return (double)(std::fabs(there - truth) * std::ldexp(1.0L, DBL_MANT_DIG - inside));
}

struct Worst {
    double ulps = 0, at = 0;
    long moved = 0;  // pieces where a value changes with its place
    void see(const Worst& other) {
        if (other.ulps > ulps) ulps = other.ulps, at = other.at;
        moved += other.moved;
    }
};

// Some numbers through one instruction set's function, and once more from another place.
template <class Real, class Wide>
Worst look(const Function& f, const Kernels* kernels, const std::vector<Real>& x,
           const std::vector<Wide>& truth, double known, std::vector<Real>& y,
           std::vector<Real>& shifted) {
    Worst worst;
    const std::size_t n = x.size();
    kernels->elementwise(f.number, x.data(), y.data(), (idx)n);
    kernels->elementwise(f.number, x.data() + 1, shifted.data() + 1, (idx)n - 1);
    worst.moved = std::memcmp(&y[1], &shifted[1], (n - 1) * sizeof(Real)) != 0;
    const auto far = [&](std::size_t i) { return x[i] > f.most ? 0 : distance(y[i], truth[i]); };
    long further = 0;  // counted first, since the compiler makes that loop quick
    for (std::size_t i = 0; i < n; i++) further += !(far(i) <= known);
    for (std::size_t i = 0; further > 0 && i < n; i++)
        if (!(far(i) <= worst.ulps)) {
            worst.ulps = far(i) == far(i) ? far(i) : INFINITY;  // only one of the two is NaN
            worst.at = (double)x[i];
        }
    return worst;
}

bool report(const Function& f, const char* dtype, const Isa* all, const std::vector<Worst>& worst) {
    bool good = true;
    for (std::size_t i = 0; i < worst.size(); i++) {
        if (!all[i].supported()) continue;
        const bool fine = worst[i].ulps <= f.limit && worst[i].moved == 0;
        std::printf("%-9s %s %-10s %5.2f ULP at %.9g%s\n", f.name, dtype, all[i].name,
                    worst[i].ulps, worst[i].at,
                    fine             ? ""
                    : worst[i].moved ? ", DEPENDS ON ITS PLACE"
                                     : ", TOO FAR");
        good = good && fine;
    }
    std::fflush(stdout);
    return good;
}

// Every stride-th pattern of bits, in pieces that threads take in turn.
bool singles(const Function& f, std::uint64_t stride, const Isa* all, int count) {
    constexpr std::uint64_t PIECE = 4099;  // odd, so that there are tails
    const std::uint64_t values = ((std::uint64_t)1 << 32) / stride;
    std::atomic<std::uint64_t> next{0};
    std::vector<Worst> worst((std::size_t)count);
    std::mutex guard;
    const auto work = [&] {
        std::vector<float> x(PIECE), y(PIECE), shifted(PIECE);
        std::vector<double> truth(PIECE);
        std::vector<Worst> own((std::size_t)count);
        for (std::uint64_t first; (first = next.fetch_add(PIECE)) < values;) {
            for (std::uint64_t i = 0; i < PIECE; i++) {
                const std::uint32_t bits = (std::uint32_t)((first + i) * stride);
                std::memcpy(&x[i], &bits, 4);
                truth[i] = f.of_double((double)x[i]);
            }
            for (int i = 0; i < count; i++)
                if (all[i].supported())
                    own[(std::size_t)i].see(
                        look(f, all[i].of_float, x, truth, own[(std::size_t)i].ulps, y, shifted));
        }
        const std::lock_guard<std::mutex> lock(guard);
        for (std::size_t i = 0; i < own.size(); i++) worst[i].see(own[i]);
    };
    std::vector<std::thread> threads;
    for (unsigned n = 1; n < std::max(1u, std::thread::hardware_concurrency()); n++)
        threads.emplace_back(work);
    work();
    for (auto& thread : threads) thread.join();
    return report(f, "float32", all, worst);
}

// Random numbers: of any exponent, of the size where the function bends, and of few bits.
bool doubles(const Function& f, std::size_t n, const Isa* all, int count) {
    std::mt19937_64 bits(1);
    std::vector<double> x, y(n), shifted(n);
    const double odd[] = {0.0,
                          -0.0,
                          INFINITY,
                          -INFINITY,
                          NAN,
                          DBL_MIN,
                          -DBL_MIN,
                          DBL_TRUE_MIN,
                          DBL_MAX,
                          -DBL_MAX,
                          709.782712893384,
                          709.7827128933841,
                          -745.1332191019412,
                          -708.3964185322641,
                          0.34657359027997264,
                          -0.34657359027997264,
                          1.0,
                          -1.0,
                          20.0,
                          22.0,
                          36.7368005696771,
                          -37.5,
                          0.41421356237309503,
                          1.4142135623730951};
    x.assign(std::begin(odd), std::end(odd));
    while (x.size() < n) {
        const std::uint64_t b = bits();
        double v;
        std::memcpy(&v, &b, 8);
        x.push_back(v);
        const double u = (double)(std::int64_t)bits() * 0x1p-63;
        x.push_back(u * 750);
        x.push_back(u * 40);
        x.push_back(u * 2);
        x.push_back(std::ldexp(u, -(int)(b % 60)));
        x.push_back(std::round(u * 4096) / 8);
    }
    x.resize(n);
    std::vector<long double> truth(n);
    for (std::size_t i = 0; i < n; i++) truth[i] = f.of_long((long double)x[i]);
    std::vector<Worst> worst((std::size_t)count);
    for (int i = 0; i < count; i++)
        if (all[i].supported())
            worst[(std::size_t)i] = look(f, all[i].of_double, x, truth, 0, y, shifted);
    return report(f, "float64", all, worst);
}

int main(int argc, char** argv) {
    const std::uint64_t stride = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1;
    if (stride < 1) return std::fprintf(stderr, "exhaustive: the stride must be at least 1\n"), 2;
    const std::size_t n = stride == 1 ? 10000000 : 200000;
    int count;
    const Isa* all = isas(&count);
    bool good = true;
    for (const Function& f : FUNCTIONS) {
        good = singles(f, stride, all, count) && good;
        good = doubles(f, n, all, count) && good;
    }
    return good ? 0 : 1;
}
