"""Statistics of columns in one pass over row groups: counts, means, variances, words.

Each row group is summed up by itself and the sums are merged in the order of the row groups, so
that the result does not depend on who read which. Mean and variance are merged as Chan, Golub and
LeVeque do ("Updating formulae and a pairwise algorithm for computing sample variances", 1979),
which loses no digits to a large mean. The encoder made from them is that of ``Encoder.fit`` up to
rounding.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np

from .columns import Column, Columns, as_measures, as_text
from .dates import phases
from .encoder import Encoder
from .features import FEWEST_ROWS, MOST_WORDS, Feature, date_feature
from .lookalikes import meant
from .target import MOST_NUMBERED_CLASSES, ROWS_PER_NUMBERED_CLASS, TargetEncoder, no_date

# Different words in a column of more than this are taken for names of rows.
MOST_DIFFERENT = 1_000_000
# Different numbers of a target that are counted one by one.
MOST_NUMBERS = 1000


@dataclass(slots=True)
class Summary:
    """What is known of a column's values: how many, missing, mean, squares about it, extremes.

    ``words`` counts a text column's words, and of a target the different numbers, unless there are
    more than ``MOST_NUMBERS`` (None). ``phases`` are the extremes of a date's places in its cycles.
    """

    name: str
    kind: str
    count: int = 0
    missing: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = inf
    high: float = -inf
    whole: bool = True
    words: Counter[Any] | None = field(default_factory=Counter)
    phases: dict[str, tuple[float, float]] = field(default_factory=dict)

    def merge(self, other: Summary) -> None:
        """Add what another summary knows, of rows that follow."""
        if other.kind != self.kind and "empty" not in (self.kind, other.kind):
            raise ValueError(
                f"column {self.name!r} is {self.kind} in one file and {other.kind} in another"
            )
        self.kind = other.kind if self.kind == "empty" else self.kind
        n = self.count + other.count
        if other.count:
            delta = other.mean - self.mean
            self.mean += delta * (other.count / n)
            self.squares += other.squares + delta * delta * (self.count * (other.count / n))
        self.count, self.missing = n, self.missing + other.missing
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)
        self.whole = self.whole and other.whole
        for cycle, (low, high) in other.phases.items():
            least, most = self.phases.get(cycle, (low, high))
            self.phases[cycle] = (min(least, low), max(most, high))
        if self.words is None or other.words is None:
            self.words = None
            return
        self.words.update(other.words)
        if self.kind == "text" and len(self.words) > MOST_DIFFERENT:
            raise ValueError(
                f"column {self.name!r} has more than {MOST_DIFFERENT} different words: it looks "
                f"like a name of each row, leave it out with --drop {self.name!r}"
            )
        if self.kind != "text" and len(self.words) > MOST_NUMBERS:
            self.words = None


def summary(column: Column, target: bool = False) -> Summary:
    """Sum up a column. Raises ValueError for infinity, naming the column."""
    found = Summary(column.name, column.kind, words=Counter() if target else None)
    if column.kind == "text":
        words = Counter(column.values.tolist())
        found.missing = words.pop(None, 0)
        found.count, found.words = sum(words.values()), words
        return found
    values = as_measures(column)
    present = values[~np.isnan(values)]
    found.count, found.missing = len(present), len(values) - len(present)
    if not found.count:
        found.kind = "empty"
        return found
    found.mean = float(present.mean())
    found.squares = float(np.square(present - found.mean).sum())
    found.low, found.high = float(present.min()), float(present.max())
    if column.kind == "date":
        found.phases = phases(present)
    if target:
        found.whole = bool((present == np.floor(present)).all())
        numbers, counts = np.unique(present, return_counts=True)
        found.words = Counter(dict(zip(numbers.tolist(), counts.tolist(), strict=True)))
    return found


def summaries(rows: Columns, target: str) -> dict[str, Summary]:
    """Sum up every column."""
    return {name: summary(column, name == target) for name, column in rows.items()}


def merged(parts: Iterable[Mapping[str, Summary]]) -> dict[str, Summary]:
    """Merge summaries in their order. Raises ValueError as ``Summary.merge`` does."""
    found: dict[str, Summary] = {}
    for part in parts:
        for name, other in part.items():
            if name in found:
                found[name].merge(other)
            else:
                found[name] = other
    return found


def encoder_of(found: Mapping[str, Summary], left_out: Iterable[str] = ()) -> Encoder:
    """Make the encoder of columns from their summaries; see ``Encoder.fit`` for the errors."""
    features: list[Feature] = []
    notes: list[str] = []
    skipped = list(left_out)
    for one in found.values():
        if one.count == 0:
            raise ValueError(
                f"column {one.name!r} has no value in any row that is trained on: leave it out "
                f"with --drop {one.name!r}"
            )
        feature = _category(one, notes) if one.kind == "text" else _number(one, notes)
        if feature is None:
            skipped.append(one.name)
        else:
            features.append(feature)
    if not features:
        raise ValueError("no column is left to learn from beside the target")
    if all(f.kind in ("number", "date") and f.scale == 0 and not f.missing for f in features):
        raise ValueError("every column is constant: there is nothing to learn from")
    return Encoder(tuple(features), tuple(skipped), tuple(notes))


def _number(one: Summary, notes: list[str]) -> Feature:
    if not isfinite(one.squares):
        raise ValueError(f"column {one.name!r} holds numbers too large to be squared: scale them")
    constant = one.low == one.high
    if constant:
        notes.append(
            f"column {one.name!r} is {one.low:g} in every row that is trained on: it tells the "
            "network nothing"
        )
    if one.kind == "boolean":
        return Feature(one.name, "boolean", one.mean, 1.0, one.missing > 0)
    if one.kind == "date":
        scale = sqrt(one.squares / one.count)
        feature, said = date_feature(
            one.name, one.low, one.high, one.mean, scale, one.missing > 0, one.phases
        )
        notes += said
        return feature
    scale = 0.0 if constant else sqrt(one.squares / one.count)
    return Feature(one.name, "number", one.low if constant else one.mean, scale, one.missing > 0)


def _category(one: Summary, notes: list[str]) -> Feature | None:
    counts = one.words or Counter()
    frequent = sorted(word for word, n in counts.items() if n >= FEWEST_ROWS)
    if not frequent:
        notes.append(
            f"column {one.name!r} is left out: each of its {len(counts)} words is in one row only, "
            f"which tells nothing about a new row{meant(list(counts))}"
        )
        return None
    if len(frequent) > MOST_WORDS:
        frequent = sorted(sorted(frequent, key=lambda word: -counts[word])[:MOST_WORDS])
        notes.append(
            f"column {one.name!r} has {len(counts)} different words: the {MOST_WORDS} most "
            "frequent have a place of their own, the rest share one"
        )
    alike = meant(list(counts))
    if alike:
        notes.append(f"column {one.name!r} is taken for words{alike}")
    m = one.count + one.missing
    others = one.count - sum(counts[word] for word in frequent)
    tail = [others] * (others > 0) + [one.missing] * (one.missing > 0)
    shares = np.array([*(counts[word] for word in frequent), *tail]) / m
    return Feature(
        name=one.name,
        kind="category",
        missing=one.missing > 0,
        words=tuple(frequent),
        other=others > 0,
        shares=tuple(shares.tolist()),
    )


def target_of(one: Summary, task: str | None = None) -> tuple[TargetEncoder, str]:
    """Make the target's encoder from its summary, and say which task it is; see ``read_target``.

    Raises ValueError for missing values, a constant target, and a task that it does not allow.
    """
    name, m = one.name, one.count + one.missing
    if one.kind == "date":
        raise no_date(name)
    if one.missing:
        raise ValueError(
            f"target {name!r} has no value in {one.missing} rows: give the true value or remove "
            "the rows"
        )
    different = len(one.words) if one.words is not None else MOST_NUMBERS + 1
    if different == 1 or (one.kind != "text" and one.low == one.high):
        raise ValueError(
            f"target {name!r} is the same in every row: there is nothing to learn, name another "
            "column with --target"
        )
    found = "regression"
    if different == 2:
        found = "binary"
    elif one.kind == "text" or (
        one.whole
        and different <= MOST_NUMBERED_CLASSES
        and m >= ROWS_PER_NUMBERED_CLASS * different
    ):
        found = "multiclass"
    chosen = task or found
    if chosen == "binary" and different != 2:
        raise ValueError(f"target {name!r} has {different} different values, and a binary task two")
    if chosen == "regression":
        if one.kind == "text":
            raise ValueError(f"target {name!r} holds words, but regression needs numbers")
        scale = sqrt(one.squares / one.count)
        return TargetEncoder(
            name, "regression", (), one.mean, scale
        ), f"target {name!r}: regression"
    if one.words is None or 2 * different > m:
        raise ValueError(
            f"target {name!r} has too many classes for {m} rows: use --task regression, or name "
            "another column with --target"
        )
    kind: Any = one.kind
    values = sorted(one.words)
    column = Column(name, kind, np.array(values, object if kind == "text" else np.float64))
    classes = tuple(as_text(column).tolist())
    counts = ", ".join(
        f"{c} {one.words[v]}" for c, v in list(zip(classes, values, strict=True))[:12]
    )
    encoder = TargetEncoder(name, chosen, classes)  # type: ignore[arg-type]
    return encoder, f"target {name!r}: {chosen}, {different} classes in {m} rows ({counts})"
