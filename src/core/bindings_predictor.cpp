// bindings_predictor.cpp: inference as Python sees it.
#include "bindings.hpp"
#include "outputs.hpp"

namespace chainrule {
namespace {

// An array's memory for the time of a call, by the buffer protocol: several times quicker to have
// than through DLPack, which counts where the work itself takes a tenth of a microsecond.
class Buffer {
  public:
    Buffer(nb::handle array, const char* name, char format, bool writable) : name_(name) {
        const int flags = PyBUF_STRIDES | PyBUF_FORMAT;
        if (PyObject_GetBuffer(array.ptr(), &view_, flags)) {
            PyErr_Clear();
            throw nb::type_error((name_ + " must be a NumPy array, not " +
                                  nb::cast<std::string>(array.type().attr("__name__")))
                                     .c_str());
        }
        const char* code = view_.format ? view_.format : "B";
        if (*code == '=' || *code == '^')
            code++;  // this machine's order, said of what is not aligned
        if (code[0] != format || code[1])
            fail(format == 'f' ? "must be float32" : "must be float64");
        if (!PyBuffer_IsContiguous(&view_, 'C')) fail("must be C-contiguous");
        if (writable && view_.readonly) fail("is read-only");
        if (reinterpret_cast<std::uintptr_t>(view_.buf) % (std::size_t)view_.itemsize)
            fail("is not aligned in memory");
    }
    ~Buffer() { PyBuffer_Release(&view_); }
    Buffer(const Buffer&) = delete;
    Buffer& operator=(const Buffer&) = delete;

    // Its rows, of so many columns.
    idx rows(idx columns) const {
        if (view_.ndim != 2 || view_.shape[1] != columns) refuse_shape("m", columns);
        return (idx)view_.shape[0];
    }
    [[noreturn]] void refuse_shape(const std::string& rows, idx columns) const {
        std::string is;
        for (int i = 0; i < view_.ndim; i++) is += (i ? ", " : "") + std::to_string(view_.shape[i]);
        if (view_.ndim == 1) is += ",";
        refuse(name_ + " must have the shape (" + rows + ", " + std::to_string(columns) +
               "), not (" + is + ")");
    }
    char* begin() const { return static_cast<char*>(view_.buf); }
    char* end() const { return begin() + view_.len; }

  private:
    [[noreturn]] void fail(const char* what) {
        PyBuffer_Release(&view_);
        refuse(name_ + " " + what);
    }

    Py_buffer view_;
    std::string name_;
};

// theta is kept, not copied: who wants the parameters of one moment passes a copy.
class Predictor {
  public:
    Predictor(const std::string& isa, nb::list layers, nb::object theta, int threads)
        : theta_(theta),
          threads_(checked_threads(threads)),
          empty_(nb::module_::import_("numpy").attr("empty")) {
        const Isa& set = isa_named(isa);
        const Read array = cast<Read>(theta, "theta");
        std::size_t parameters = 0;
        std::vector<Layer> network = layers_of(layers, &parameters);
        single_ = array.dtype() == nb::dtype<float>();
        if (!single_ && array.dtype() != nb::dtype<double>())
            refuse("theta must be float32 or float64");
        check(array, "theta", array.dtype(), parameters);
        dtype_ = theta.attr("dtype");
        data_ = static_cast<const char*>(array.data());
        size_ = array.nbytes();
        n_0_ = network.front().n_in;
        n_L_ = network.back().n_out;
        outputs_ = std::make_unique<Outputs>(
            std::move(network), single_ ? set.of_float : set.of_double, single_ ? 4 : 8);
    }

    nb::object call(nb::handle X, nb::object out) const {
        const Buffer from(X, "X", single_ ? 'f' : 'd', false);
        const idx rows = from.rows(n_0_);
        if (out.is_none()) out = empty_(nb::make_tuple(rows, n_L_), dtype_);
        const Buffer to(out, "out", single_ ? 'f' : 'd', true);
        if (to.rows(n_L_) != rows) to.refuse_shape(std::to_string(rows), n_L_);
        if (from.begin() < to.end() && to.begin() < from.end())
            refuse("out shares memory with X: pass another array");
        if (data_ < to.end() && to.begin() < data_ + size_)
            refuse("out shares memory with theta: pass another array");
        if (outputs_->takes_long(rows)) {
            const Unlocked unlocked;
            outputs_->of(data_, from.begin(), to.begin(), rows, threads_);
        } else {
            outputs_->of(data_, from.begin(), to.begin(), rows, 1);
        }
        return out;
    }

    std::string repr() const {
        std::string sizes = std::to_string(n_0_);
        for (const Layer& layer : outputs_->layers())
            if (layer.op == Op::affine) sizes += "-" + std::to_string(layer.n_out);
        return "<Predictor " + sizes + (single_ ? ", float32" : ", float64") + ", native engine>";
    }

  private:
    nb::object theta_, dtype_;
    int threads_;
    nb::object empty_;
    bool single_ = false;
    const char* data_ = nullptr;
    std::size_t size_ = 0;
    idx n_0_ = 0, n_L_ = 0;
    std::unique_ptr<Outputs> outputs_;
};

}  // namespace

void bind_predictor(nb::module_& m) {
    nb::class_<Predictor>(m, "Predictor", "A network's outputs: see chainrule.engines.native.")
        .def(nb::init<const std::string&, nb::list, nb::object, int>(), "isa"_a, "layers"_a,
             "theta"_a, "threads"_a)
        .def("__call__", &Predictor::call, "X"_a.none(), "out"_a.none() = nb::none(),
             "Return the outputs (m, n_L) of X (m, n_0), in out where it is given.")
        .def("__repr__", &Predictor::repr);
}

}  // namespace chainrule
