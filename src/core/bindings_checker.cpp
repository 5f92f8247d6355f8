// bindings_checker.cpp: the gradient check's passes as Python sees them.
#include <nanobind/stl/vector.h>

#include <algorithm>

#include "bindings.hpp"
#include "differences.hpp"

namespace chainrule {
namespace {

// The numerical check's view of a network: see gradcheck/native.py.
class Checker {
  public:
    // stages: (W^T, b, z, a, mask or None, f, settings, kinked, bends) each; cost: as Core has it;
    // kinks and bends: the a - y at which dJ/da jumps, or its slope does.
    Checker(const std::string& isa, nb::list stages, nb::object Y, nb::tuple cost,
            std::vector<double> kinks, std::vector<double> bends)
        : stages_(stages), Y_(Y) {
        const Isa& set = isa_named(isa);
        std::vector<Stage> cached;
        for (nb::handle item : stages) {
            const nb::tuple t = checked_tuple(item, 9, "a stage");
            const Read W = cast<Read>(t[0], "W"), z = cast<Read>(t[2], "z");
            if (W.ndim() != 2 || z.ndim() != 2) refuse("W and z must have two dimensions");
            Stage s = {};
            s.n_in = (idx)W.shape(0);
            s.n_out = (idx)W.shape(1);
            samples_ = cached.empty() ? (idx)z.shape(0) : samples_;
            if (s.n_in < 1 || s.n_out < 1) refuse("a layer's sizes must be at least 1");
            if (!cached.empty() && s.n_in != cached.back().n_out)
                refuse("a layer's inputs must be the outputs of the layer before");
            const std::size_t n = times((std::size_t)samples_, (std::size_t)s.n_out);
            s.W = doubles(t[0], "W", W.size());
            s.b = doubles(t[1], "b", (std::size_t)s.n_out);
            s.z = doubles(t[2], "z", n);
            s.a = doubles(t[3], "a", n);
            if (!nb::handle(t[4]).is_none()) s.mask = doubles(t[4], "mask", n);
            s.f = checked_entry(t[5], t[6], ACTIVATIONS, "activation", &s.setting);
            s.kinked = nb::cast<bool>(t[7]);
            s.bends = nb::cast<bool>(t[8]);
            cached.push_back(s);
        }
        if (cached.empty() || samples_ < 1)
            refuse("a check needs at least one layer and one sample");
        Perturbations perturbations = {};
        perturbations.Y =
            doubles(Y, "Y", times((std::size_t)samples_, (std::size_t)cached.back().n_out));
        const CheckedCost checked = checked_cost(cost, cached.back().f);
        perturbations.cost = checked.number;
        perturbations.cost_setting = checked.setting;
        perturbations.canonical = checked.canonical;
        differences_ =
            std::make_unique<Differences>(std::move(cached), perturbations, std::move(kinks),
                                          std::move(bends), samples_, set.of_double);
    }

    // J (rows,) of each sample with its z^l[unit] moved by `by`, l from 1; flags and where: see
    // Perturbations.
    void costs(idx l, Read samples, Read units, Read by, bool careful, Write J, Write flags,
               Write where, int threads) const {
        const auto& stages = differences_->stages();
        if (l < 1 || l > (idx)stages.size()) refuse("there is no layer " + std::to_string(l));
        const std::size_t rows = samples.size();
        Perturbations m = {};
        m.layer = l - 1;
        m.careful = careful;
        m.samples = places(samples, "samples", rows, samples_);
        m.units = places(units, "units", rows, stages[(std::size_t)l - 1].n_out);
        check(by, "by", nb::dtype<double>(), rows);
        check(J, "J", nb::dtype<double>(), rows);
        check(flags, "flags", nb::dtype<std::uint8_t>(), rows);
        check(where, "where", nb::dtype<std::int32_t>(), times(2, rows));
        check_apart({{"J", J}, {"flags", flags}, {"where", where}},
                    {{"samples", samples}, {"units", units}, {"by", by}});
        checked_threads(threads);
        m.by = static_cast<const double*>(by.data());
        m.J = static_cast<double*>(J.data());
        m.flags = static_cast<std::uint8_t*>(flags.data());
        m.where = static_cast<std::int32_t*>(where.data());
        if (rows == 0) return;
        const Unlocked unlocked;
        differences_->costs(m, (idx)rows, threads);
    }

    // Copies a^l as the kernels have it.
    void own(idx l, Write a) const {
        const auto& stages = differences_->stages();
        if (l < 1 || l > (idx)stages.size()) refuse("there is no layer " + std::to_string(l));
        const Stage& stage = stages[(std::size_t)l - 1];
        const std::size_t n = (std::size_t)(samples_ * stage.n_out);
        check(a, "a", nb::dtype<double>(), n);
        std::copy(stage.kernel_a, stage.kernel_a + n, static_cast<double*>(a.data()));
    }

  private:
    static const double* doubles(nb::object array, const char* name, std::size_t size) {
        const Read read = cast<Read>(array, name);
        check(read, name, nb::dtype<double>(), size);
        return static_cast<const double*>(read.data());
    }
    static const std::int64_t* places(const Read& array, const char* name, std::size_t size,
                                      idx below) {
        check(array, name, nb::dtype<std::int64_t>(), size);
        const auto* p = static_cast<const std::int64_t*>(array.data());
        for (std::size_t i = 0; i < size; i++)
            if (p[i] < 0 || p[i] >= below)
                refuse(std::string(name) + "[" + std::to_string(i) + "] = " + std::to_string(p[i]) +
                       " must be from 0 and below " + std::to_string(below));
        return p;
    }

    nb::object stages_, Y_;
    idx samples_ = 0;
    std::unique_ptr<Differences> differences_;
};

}  // namespace

void bind_checker(nb::module_& m) {
    nb::class_<Checker>(m, "Checker", "J with single z perturbed: see chainrule.gradcheck.native.")
        .def(nb::init<const std::string&, nb::list, nb::object, nb::tuple, std::vector<double>,
                      std::vector<double>>(),
             "isa"_a, "stages"_a, "Y"_a, "cost"_a, "kinks"_a, "bends"_a)
        .def("costs", &Checker::costs, "layer"_a, "samples"_a.noconvert(), "units"_a.noconvert(),
             "by"_a.noconvert(), "careful"_a, "J"_a.noconvert(), "flags"_a.noconvert(),
             "where"_a.noconvert(), "threads"_a)
        .def("own", &Checker::own, "layer"_a, "a"_a.noconvert());
}

}  // namespace chainrule
