"""The counter-based generator against SplitMix64 as published, and against chance."""

from collections.abc import Iterator
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.mathematics import random
from chainrule.mathematics.random import bits, key, mix, permutation, uniform

WORD = 2**64
words = st.integers(0, WORD - 1)


def splitmix64(state: int) -> Iterator[int]:
    """Steele, Lea and Flood 2014 with integers and a state, written from the paper."""
    while True:
        state = (state + 11400714819323198485) % WORD
        z = state
        z = ((z ^ (z // 2**30)) * 13787848793156543929) % WORD
        z = ((z ^ (z // 2**27)) * 10723151780598845931) % WORD
        yield z ^ (z // 2**31)


@pytest.mark.parametrize(
    ("state", "published"),
    [
        (0, [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F, 0xF88BB8A8724C81EC]),
        (
            1234567,
            [
                6457827717110365317,
                3203168211198807973,
                9817491932198370423,
                4593380528125082431,
                16408922859458223821,
            ],
        ),
    ],
)
def test_published_vectors(state: int, published: list[int]) -> None:
    assert list(islice(splitmix64(state), len(published))) == published
    assert bits(state, len(published)).tolist() == published


@given(words, st.integers(0, 40))
def test_bits_are_splitmix64(state: int, n: int) -> None:
    drawn = bits(state, n)
    assert drawn.dtype == np.uint64
    assert drawn.tolist() == list(islice(splitmix64(state), n))


@given(words, st.integers(0, 30), st.integers(0, 30))
def test_a_number_depends_on_key_and_place_only(state: int, start: int, n: int) -> None:
    whole = bits(state, start + n)
    assert whole[start:].tolist() == bits(state, n, start).tolist()
    assert whole[:start].tolist() == bits(state, start).tolist()
    assert uniform(state, start + n)[start:].tolist() == uniform(state, n, start).tolist()


@given(words, words)
def test_mix_is_one_to_one(x: int, y: int) -> None:
    assert (mix(x) == mix(y)) == (x == y)


def test_mix_is_undone_by_its_inverse() -> None:
    # The inverse of x ^ (x >> s) repeats the shift; that of the products is modular.
    def unshift(z: int, s: int) -> int:
        x = z
        for _ in range(64 // s + 1):
            x = z ^ (x >> s)
        return x

    for x in islice(splitmix64(5), 50):
        z = unshift(mix(x), 31) * pow(0x94D049BB133111EB, -1, WORD) % WORD
        z = unshift(z, 27) * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
        assert unshift(z, 30) == x


def nth(state: int, n: int) -> int:
    return next(islice(splitmix64(state), n, None))


def test_key_is_nested_splitmix64() -> None:
    # The number at place c of the stream of k is the key of k's child c.
    assert key(0) == nth(0, 0) == 0xE220A8397B1DCDAF
    assert key(3) == nth(0, 3)
    assert key(3, 1) == nth(nth(0, 3), 1)
    assert key(3, 1, 4, 1, 5) == nth(nth(nth(nth(nth(0, 3), 1), 4), 1), 5)


@given(st.lists(words, min_size=1, max_size=4), st.lists(words, min_size=1, max_size=4))
def test_different_counters_give_different_keys(a: list[int], b: list[int]) -> None:
    assert 0 <= key(*a) < WORD
    assert (key(*a) == key(*b)) == (a == b)


def test_no_key_repeats_over_seeds_purposes_and_epochs() -> None:
    purposes = (random.THETA, random.ORDER, random.DROPOUT, random.SPLIT)
    assert len(set(purposes)) == 4
    keys = {key(s, p, e) for s in range(50) for p in purposes for e in range(50)}
    assert len(keys) == 50 * 4 * 50


def test_key_takes_numpy_integers_and_the_whole_range() -> None:
    assert key(np.int64(7), np.uint64(WORD - 1)) == key(7, WORD - 1)


@pytest.mark.parametrize("seed", [1.0, "1", None, True, np.float64(2)])
def test_a_seed_is_a_whole_number(seed: object) -> None:
    with pytest.raises(TypeError, match="seed must be a whole number"):
        key(seed)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="counter 2 must be a whole number"):
        key(0, 0, seed)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [-1, WORD])
def test_a_seed_has_64_bits(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed must be from 0 to 2\^64 - 1, not {seed}"):
        key(seed)


@given(words)
def test_uniform_is_the_top_53_bits(state: int) -> None:
    drawn = uniform(state, 20)
    assert drawn.dtype == np.float64
    assert drawn.tolist() == [x // 2**11 / 2**53 for x in islice(splitmix64(state), 20)]
    assert drawn.min() >= 0
    assert drawn.max() < 1


def test_uniform_never_reaches_one() -> None:
    assert float(np.uint64(WORD - 1) >> np.uint64(11)) * 2.0**-53 < 1


def chi_square(counts: np.ndarray, expected: float) -> float:
    return float(((counts - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("seed", range(5))
def test_uniform_fills_its_cells_evenly(seed: int) -> None:
    u = uniform(key(seed), 100_000)
    counts = np.bincount((u * 100).astype(int), minlength=100)
    # chi-square with 99 degrees of freedom: 1e-4 quantiles 49.5 and 161.3
    assert 49 < chi_square(counts, 1000.0) < 162
    # Neighbours in the stream, and the same place in neighbouring streams, are independent.
    for v in (uniform(key(seed), 100_000, 1), uniform(key(seed + 1), 100_000)):
        pairs = np.bincount((u * 10).astype(int) * 10 + (v * 10).astype(int), minlength=100)
        assert 49 < chi_square(pairs, 1000.0) < 162


def test_each_bit_is_set_half_the_time() -> None:
    drawn = bits(key(1), 40_000)
    for place in range(64):
        ones = int(((drawn >> np.uint64(place)) & np.uint64(1)).sum())
        assert abs(ones - 20_000) < 450  # 4.5 standard deviations of 100


@given(st.integers(0, 300), words)
def test_permutation_is_a_permutation(m: int, state: int) -> None:
    order = permutation(m, state)
    assert order.dtype == np.int64
    assert sorted(order.tolist()) == list(range(m))
    numbers = list(islice(splitmix64(state), m))
    assert order.tolist() == sorted(range(m), key=numbers.__getitem__)


def test_permutations_of_four_are_equally_frequent() -> None:
    counts: dict[tuple[int, ...], int] = {}
    for epoch in range(4800):
        order = tuple(permutation(4, key(0, random.ORDER, epoch)).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24
    # chi-square with 23 degrees of freedom: 1e-4 quantiles 6.1 and 55.5
    assert 6 < chi_square(np.array(list(counts.values())), 200.0) < 56
