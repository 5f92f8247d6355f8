"""The model file of a table under attack: any value of its metadata replaced by any other.

The digest is sound, so every check must be made on the contents: a changed model is refused with
one sentence, or is a model; nothing else may happen.
"""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from chainrule.files.model import read_model, write_model
from chainrule.tables.columns import Column, Columns
from chainrule.tables.fit import fit_columns
from chainrule.tables.model import TableModel
from chainrule.tables.settings import Choices

JUNK: list[Any] = [None, True, -1, 3, 1e300, "x", [], {"a": 1}, ["u"]]


def words(name: str, values: list[str | None]) -> Column:
    array = np.empty(len(values), object)
    array[:] = values
    return Column(name, "text", array)


ROWS = Columns(
    {
        "a": Column("a", "float", np.array([1.0, np.nan, 3.0, 4.5] * 6)),
        "b": Column("b", "boolean", np.array([1.0, 0.0, 1.0] * 8)),
        "c": words("c", ["u", "v", None, "u", "v", "w"] * 4),
        "y": words("y", ["no", "yes"] * 12),
    },
    24,
)


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List every place in JSON values, of a list the first three."""
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value[:3])
    for key, item in items:
        if isinstance(item, (dict, list)):
            yield from places(item, (*place, key))
        else:
            yield (*place, key)


@pytest.mark.parametrize("part", ["network", "encoder"])
def test_any_changed_value_is_refused_in_one_sentence_or_harmless(
    part: str, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    fit_columns(ROWS, "y", Choices(hidden=(3,), epochs=1)).model.save(path)
    arrays, metadata = read_model(path)
    said = []
    for place in places({part: metadata[part]}):
        for junk in JUNK:
            changed = copy.deepcopy(metadata)
            inside = changed
            for key in place[:-1]:
                inside = inside[key]
            inside[place[-1]] = junk
            write_model(path, arrays, changed)
            try:
                assert len(TableModel.load(path).predict(ROWS).values) == 24
            except ValueError as error:
                said.append(str(error))
    assert len(said) > 100
    assert not [sentence for sentence in said if "\n" in sentence]
