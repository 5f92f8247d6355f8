"""What a report measures: the rows held out in training, scores, and what each column is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..mathematics.costs import cost_of
from ..mathematics.random import key
from ..typing import Array, Rows

if TYPE_CHECKING:
    from ..tables.columns import Columns
    from ..tables.model import EncodedModel, TableModel
    from ..tables.target import TargetEncoder

# Columns are shuffled so many times each; large tables are thinned to so many rows first.
REPEATS = 5
MOST_ROWS = 2000
# Passes over all rows hold so many at once.
ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Importance:
    """By how much the cost rises as a column is shuffled: mean and deviation over the repeats."""

    name: str
    mean: float
    spread: float
    measure: str


def score_lines(scores: Mapping[str, Any], baseline: Any = None) -> list[tuple[str, str]]:
    """Return the scores as pairs of a name and a text; ``baseline``: those of a constant answer."""
    from ..training.metrics import SCORES

    constant = baseline if isinstance(baseline, dict) else {}
    always = "always the mean" if "rmse" in scores else "always the most frequent class"
    lines = []
    labels = {name: score.label for name, score in SCORES.items()}
    for name, label in {"rows": "rows", **labels}.items():
        value, other = scores.get(name), constant.get(name)
        if value is None:
            continue
        text = f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
        beside = isinstance(value, float) and isinstance(other, float)
        lines.append((label, f"{text} ({always}: {other:.4g})" if beside else text))
    return lines


def rows_held_out(model: TableModel, rows: Columns, source: str) -> Array | None:
    """Return the rows that training kept for the test, if this is the table it was trained on.

    The split is worked out again from the record's seed and shares, and believed only if the
    scores on it are those of the record; None otherwise.
    """
    from ..tables.splits import split_latest, split_rows

    record = model.record if isinstance(model.record, dict) else {}
    counts, settings = record.get("rows"), record.get("settings")
    if not isinstance(counts, dict) or not isinstance(settings, dict):
        return None
    if counts.get("all") != rows.m or not counts.get("test") or record.get("data") != source:
        return None
    true = model.target.values_of(rows[model.target.name])
    classes = None if model.target.task == "regression" else true
    share = counts["validation"] / rows.m
    latest = settings.get("latest")
    if latest is not None and latest not in rows:
        return None
    for validation in (settings.get("validation_share"), share):
        if validation is None:
            continue
        try:
            test = settings["test_share"]
            if latest is None:
                split = split_rows(rows.m, test, validation, settings["seed"], classes)
            else:
                split = split_latest(rows[latest], test, validation)
        except (KeyError, TypeError, ValueError):
            continue
        if len(split.test) != counts["test"]:
            continue
        if _same(scored(model, rows.take(split.test))[2], record.get("scores")):
            return np.asarray(split.test)
    return None


def which_rows(
    model: EncodedModel, rows: Columns, held: Array | None, source: str, how: str
) -> str:
    """Say which rows are scored, and whether some of them may have been trained on.

    ``how``: what keeps the rows held out from having been seen.
    """
    if held is not None:
        return f"the {len(held):,} rows of {source}{how}"
    count = "the only row" if rows.m == 1 else f"all {rows.m:,} rows"
    record = model.record if isinstance(model.record, dict) else {}
    seen = record.get("data") == source and source
    warning = ": rows trained on may be among them, and these look better than new ones"
    return f"{count} of {source or 'the table given'}{warning if seen else ''}"


def _same(scores: dict[str, Any], recorded: Any) -> bool:
    if not isinstance(recorded, dict):
        return False
    return all(
        recorded.get(name) is not None and abs(value - recorded[name]) <= 1e-6 * (1 + abs(value))
        for name, value in scores.items()
        if isinstance(value, float)
    )


def scored(model: TableModel, rows: Columns) -> tuple[Array, Array, dict[str, Any]]:
    """Return the true values, the network's outputs and the scores on rows with their target."""
    from ..tables.model import score

    true = model.target.values_of(rows[model.target.name])
    outputs, _ = model.outputs(rows)
    return true, outputs, score(model.target, true, outputs)


@dataclass(frozen=True, slots=True)
class WorstRow:
    """A row predicted badly: its number in the table from 1, truth, prediction, and its cost J."""

    number: int
    true: str
    predicted: str
    J: float


def worst_rows(
    model: TableModel, X: Array, true: Array, held: Array | None, most: int = 8
) -> list[WorstRow]:
    """Return the rows of the largest cost; ``held`` are the places in the table of those scored."""
    net, target = model.network.copy("float64"), model.target
    Y = net.targets(target.encode(true, np.float64), len(X))
    J, outputs = np.empty(len(X)), np.empty((len(X), net.sizes[-1]))
    for at in range(0, len(X), ROWS_AT_ONCE):
        rows = slice(at, at + ROWS_AT_ONCE)
        with np.errstate(all="ignore"):
            trace = net.forward(X[rows])
            J[rows] = cost_of(trace.z[-1], trace.a[-1], Y[rows], net.activations[-1], net.cost)
        outputs[rows] = trace.a[-1]
    return worst_by(J, target, true, outputs, held, most)


def worst_by(
    J: Array, target: TargetEncoder, true: Array, outputs: Array, held: Array | None, most: int = 8
) -> list[WorstRow]:
    """Return the rows of the largest J (m,), with the truth and what outputs (m, k) say."""
    order = np.argsort(-np.nan_to_num(J, nan=np.inf), kind="stable")[:most]
    predicted = target.decode(outputs[order])

    def written(value: Any) -> str:
        return f"{value:.6g}" if target.task == "regression" else target.classes[int(value)]

    places = order if held is None else held[order]
    return [
        WorstRow(int(place) + 1, written(true[row]), written(guess), float(J[row]))
        for place, row, guess in zip(places, order, predicted, strict=True)
    ]


def thinned(m: int, most: int) -> Rows:
    """Return at most so many of m rows, evenly spread."""
    return np.linspace(0, m - 1, min(m, most)).round().astype(np.int64)


def importances(model: TableModel, rows: Columns, true: Array) -> tuple[Importance, ...]:
    """Shuffle each column in turn and see the cost rise; the most important column first.

    Source: Breiman, "Random forests", Machine Learning 45, 2001, section 10.
    """
    net = model.network
    sampled = thinned(rows.m, MOST_ROWS)
    X = model.encoder.transform(rows, net.dtype)[sampled]
    y = model.target.encode(true[sampled], net.dtype)
    before = _cost(net, X, y)
    columns_worth, place = [], 0
    for number, feature in enumerate(model.encoder.features):
        columns = slice(place, place + feature.width)
        place += feature.width
        rises = []
        for repeat in range(REPEATS):
            # A purpose of its own beside those of training.
            rng = np.random.Generator(np.random.Philox(key=key(net.seed, 90, number, repeat)))
            shuffled = X.copy()
            shuffled[:, columns] = X[rng.permutation(len(X)), columns]
            rises.append(_cost(net, shuffled, y) - before)
        measure = "cost J"
        spread = float(np.std(rises))
        columns_worth.append(Importance(feature.name, float(np.mean(rises)), spread, measure))
    return tuple(sorted(columns_worth, key=lambda one: -one.mean))


def _cost(net: Any, X: Array, y: Array) -> float:
    from ..mathematics.passes import Objective, cost_pass
    from ..mathematics.sample_weights import shares_of

    trace = net.forward(X)
    shares = shares_of(None, len(X), net.dtype)
    Y = net.targets(y, len(X))
    return float(cost_pass(trace, Y, shares, Objective(net.layers, net.cost), net.parameters))
