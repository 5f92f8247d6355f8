// bindings_rows.cpp: orders of rows and Arrow's batches as Python sees them.
#include "bindings.hpp"
#include "permutation.hpp"

namespace chainrule {
namespace {

// Arrow's C data interface: arrow.apache.org/docs/format/CDataInterface.html.
struct ArrowSchema {
    const char *format, *name, *metadata;
    std::int64_t flags, n_children;
    ArrowSchema** children;
    ArrowSchema* dictionary;
    void (*release)(ArrowSchema*);
    void* private_data;
};
struct ArrowArray {
    std::int64_t length, null_count, offset, n_buffers, n_children;
    const void** buffers;
    ArrowArray** children;
    ArrowArray* dictionary;
    void (*release)(ArrowArray*);
    void* private_data;
};

template <class T>
const T& pointed(nb::handle capsule, const char* name) {
    const auto* object = static_cast<const T*>(PyCapsule_GetPointer(capsule.ptr(), name));
    if (!object) throw nb::python_error();
    if (!object->release) refuse(std::string(name) + " was released");
    return *object;
}

// Bytes of a number of one of Arrow's types, 0 if it is none that the core reads.
std::size_t size_of(char type) {
    switch (type) {
        case 'c':
        case 'C': return 1;
        case 's':
        case 'S': return 2;
        case 'i':
        case 'I':
        case 'f': return 4;
        case 'l':
        case 'L':
        case 'g': return 8;
        default: return 0;
    }
}

ArrowNumbers column_of(const ArrowSchema& schema, const ArrowArray& batch, idx number) {
    if (number < 0 || number >= batch.n_children || number >= schema.n_children)
        refuse("the batch has no column " + std::to_string(number));
    const char* format = schema.children[number]->format;
    const ArrowArray& array = *batch.children[number];
    if (!size_of(format[0]) || format[1] || array.n_buffers != 2 || array.dictionary)
        refuse("column " + std::to_string(number) + " of the batch holds no numbers");
    if (array.length < batch.offset + batch.length)
        refuse("column " + std::to_string(number) + " of the batch is too short");
    ArrowNumbers column = {};
    column.type = format[0];
    const std::int64_t first = array.offset + batch.offset;
    column.values =
        static_cast<const char*>(array.buffers[1]) + (std::size_t)first * size_of(column.type);
    column.valid =
        array.null_count == 0 ? nullptr : static_cast<const std::uint8_t*>(array.buffers[0]);
    column.valid_first = (idx)first;
    return column;
}

// features: (number of the column, place, mean, scale, missing) each; out: (m, width).
bool standardised(const std::string& isa, nb::handle schema_capsule, nb::handle array_capsule,
                  nb::list features, Read rows, Write out) {
    const Isa& set = isa_named(isa);
    const auto& schema = pointed<ArrowSchema>(schema_capsule, "arrow_schema");
    const auto& batch = pointed<ArrowArray>(array_capsule, "arrow_array");
    const bool single = out.dtype() == nb::dtype<float>();
    if (!single && out.dtype() != nb::dtype<double>()) refuse("out must be float32 or float64");
    if (out.ndim() != 2 || rows.ndim() != 1) refuse("out must have two dimensions, and rows one");
    check(rows, "rows", nb::dtype<std::int64_t>(), out.shape(0));
    check(out, "out", out.dtype(), out.size());
    check_apart({{"out", out}}, {{"rows", rows}});
    const idx m = (idx)rows.size(), width = (idx)out.shape(1);
    const auto* chosen = static_cast<const std::int64_t*>(rows.data());
    for (idx i = 0; i < m; i++)
        if (chosen[i] < (i ? chosen[i - 1] + 1 : 0) || chosen[i] >= batch.length)
            refuse("rows must be rows of the batch in ascending order");
    std::vector<ArrowNumbers> columns;
    for (nb::handle item : features) {
        const nb::tuple t = checked_tuple(item, 5, "a feature");
        ArrowNumbers column = column_of(schema, batch, nb::cast<idx>(t[0]));
        column.place = nb::cast<idx>(t[1]);
        column.mean = nb::cast<double>(t[2]);
        column.scale = nb::cast<double>(t[3]);
        column.missing = nb::cast<bool>(t[4]);
        if (column.place < 0 || column.place + column.missing >= width)
            refuse("a feature's place is outside of out");
        columns.push_back(column);
    }
    const Unlocked unlocked;
    return (single ? set.of_float : set.of_double)
        ->standardise(columns.data(), (idx)columns.size(), chosen, m, out.data(), width);
}

void ordered(std::uint64_t key, Write order) {
    check(order, "order", nb::dtype<std::int64_t>(), order.size());
    const Unlocked unlocked;
    permutation(key, (idx)order.size(), static_cast<std::int64_t*>(order.data()));
}

}  // namespace

void bind_rows(nb::module_& m) {
    m.def("standardised", &standardised, "isa"_a, "schema"_a, "array"_a, "features"_a,
          "rows"_a.noconvert(), "out"_a.noconvert(), "See engines.rows.");
    m.def("permutation", &ordered, "key"_a, "order"_a.noconvert(), "See engines.rows.");
}

}  // namespace chainrule
