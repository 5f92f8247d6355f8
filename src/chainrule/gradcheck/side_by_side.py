"""An array's gradients side by side: as checked, numerical, and ours where the network is known."""

from __future__ import annotations

from html import escape

import numpy as np

from ..typing import Array
from .verdicts import UNDECIDABLE, WRONG, Checked

ROWS, COLUMNS = 10, 8
STYLE = """
.cr-check .cr-side{display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;align-items:flex-start}
.cr-check .cr-side table{border:1px solid #bbb;font-size:12px}
.cr-check .cr-side td,.cr-check .cr-side th{padding:.1rem .45rem;text-align:right}
.cr-check .cr-side caption{text-align:left;font-weight:600;padding-bottom:.1rem}
.cr-check .cr-side td.wrong{background:#fbe3e0;color:#8e1b10;font-weight:600}
.cr-check .cr-side td.undecidable{background:#fdf3dc;color:#7a5200}
"""


def side_by_side(t: Checked) -> str:
    """Return the gradients of one array as tables side by side, its wrong entries marked ✗.

    Of a large array the part around its worst entry is shown.
    """
    rows, columns = _window(t)
    verdict = _matrix(t.verdict)[rows, columns]
    blocks = [("gradient as checked", t.analytic), ("numerical", t.numeric)]
    if t.ours is not None:
        blocks.append(("ours: the chain rule in the network found", t.ours))
    tables = "".join(
        _table(title, _matrix(values)[rows, columns], verdict, rows, columns, mark=k == 0)
        for k, (title, values) in enumerate(blocks)
    )
    return (
        f"<h4>{escape(t.name)}: {t.count(WRONG)} of {t.analytic.size} entries wrong"
        f'{_part(t, rows, columns)}</h4><div class="cr-side">{tables}</div>'
    )


def _matrix(values: Array) -> Array:
    """Return an array of any number of axes as a matrix: the last axis in its columns."""
    if values.ndim < 2:
        return values.reshape(1, -1)
    return values.reshape(-1, values.shape[-1])


def _window(t: Checked) -> tuple[slice, slice]:
    matrix = _matrix(t.analytic)
    worst = t.worst(1)
    row, column = np.unravel_index(worst[0] if worst else 0, matrix.shape)
    return _around(int(row), len(matrix), ROWS), _around(int(column), matrix.shape[1], COLUMNS)


def _around(place: int, size: int, most: int) -> slice:
    start = min(max(place - most // 2, 0), max(size - most, 0))
    return slice(start, min(start + most, size))


def _part(t: Checked, rows: slice, columns: slice) -> str:
    shape = _matrix(t.analytic).shape
    if (rows.stop - rows.start, columns.stop - columns.start) == shape:
        return ""
    return f" (rows {rows.start} to {rows.stop - 1}, columns {columns.start} to {columns.stop - 1})"


def _table(
    title: str, values: Array, verdict: Array, rows: slice, columns: slice, mark: bool
) -> str:
    head = "".join(f"<th>{j}</th>" for j in range(columns.start, columns.stop))
    body = "".join(
        f"<tr><th>{i}</th>{''.join(map(_cell, row, kinds, [mark] * len(row)))}</tr>"
        for i, row, kinds in zip(range(rows.start, rows.stop), values, verdict, strict=True)
    )
    return f"<table><caption>{escape(title)}</caption><tr><th></th>{head}</tr>{body}</table>"


def _cell(value: float, verdict: int, mark: bool) -> str:
    if not mark or verdict not in (WRONG, UNDECIDABLE):
        return f"<td>{value:.5g}</td>"
    kind, sign = ("wrong", "✗") if verdict == WRONG else ("undecidable", "?")
    return f'<td class="{kind}">{value:.5g} {sign}</td>'
