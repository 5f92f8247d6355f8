// permutation.cpp: see permutation.hpp. A radix sort whose numbers are known to be uniform: by the
// first bits into buckets that fit into the cache, within a bucket by further bits into places of
// about one number each, and what is left by insertion.
#include "permutation.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "splitmix.hpp"

namespace chainrule {

namespace {

struct Item {
    std::uint64_t number;
    std::int64_t place;
};

constexpr idx MOST_BUCKET_BITS = 11;  // the ends of so many buckets stay in the cache

int bits_of(idx n) {
    int bits = 0;
    while ((n >> bits) > 1) bits++;
    return bits;
}

// Where each of 2^bits values begins, from how often each occurs at the place after its own.
void add_up(std::vector<idx>& counts) {
    for (std::size_t n = 1; n < counts.size(); n++) counts[n] += counts[n - 1];
}

// The bits of x from the top, without the first `before`; there are from 0 to 63 of them.
std::size_t field(std::uint64_t x, int before, int bits) {
    return bits == 0 ? 0 : (std::size_t)((x << before) >> (64 - bits));
}

void insert_sorted(Item* items, idx n) {
    for (idx i = 1; i < n; i++) {
        const Item item = items[i];
        idx j = i;
        for (; j > 0 && items[j - 1].number > item.number; j--) items[j] = items[j - 1];
        items[j] = item;
    }
}

}  // namespace

void permutation(std::uint64_t key, idx m, std::int64_t* order) {
    const int first = (int)std::min((idx)bits_of(m), MOST_BUCKET_BITS);
    std::vector<idx> ends(((std::size_t)1 << first) + 1, 0);
    const auto number = [key](idx i) { return mix(key + (std::uint64_t)(i + 1) * GAMMA); };
    for (idx i = 0; i < m; i++) ends[field(number(i), 0, first) + 1]++;
    add_up(ends);
    const std::unique_ptr<Item[]> items(new Item[(std::size_t)m]);
    {
        std::vector<idx> next(ends.begin(), ends.end() - 1);
        for (idx i = 0; i < m; i++) {
            const std::uint64_t x = number(i);
            items[(std::size_t)next[field(x, 0, first)]++] = {x, i};
        }
    }
    std::vector<Item> sorted;
    std::vector<idx> next;
    for (std::size_t bucket = 0; bucket + 1 < ends.size(); bucket++) {
        const Item* from = &items[0] + ends[bucket];
        const idx n = ends[bucket + 1] - ends[bucket];
        const int further = bits_of(n);
        next.assign(((std::size_t)1 << further) + 1, 0);
        for (idx i = 0; i < n; i++) next[field(from[i].number, first, further) + 1]++;
        add_up(next);
        sorted.resize((std::size_t)n);
        for (idx i = 0; i < n; i++)
            sorted[(std::size_t)next[field(from[i].number, first, further)]++] = from[i];
        insert_sorted(sorted.data(), n);
        for (idx i = 0; i < n; i++) order[ends[bucket] + i] = sorted[(std::size_t)i].place;
    }
}

}  // namespace chainrule
