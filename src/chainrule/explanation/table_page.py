"""The page of a table's model: columns by name, values as the table has them, ŷ in its unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from .assets import words
from .model_report import history_of
from .page import Page, explain

if TYPE_CHECKING:
    from ..network import Network
    from ..tables.columns import Columns
    from ..tables.model import EncodedModel, TableModel
    from ..tables.target import TargetEncoder
    from ..tabular.members import MemberNetwork
    from ..tabular.model import EnsembleModel
    from ..training.history import History

TITLE = "How {0} is predicted, and learnt"
MEMBER_TITLE = (
    "How {0} is predicted, and learnt, by one network of an ensemble: fold {1}, {2} "
    "({3} of the prediction)"
)


def table_page(
    model: TableModel,
    rows: Columns,
    X: npt.NDArray[np.floating],
    row: int | None = None,
    language: str = "en",
) -> Page:
    """Return the page of a model on rows with their target; X (m, n_0) are the rows encoded.

    Raises as ``explain`` does.
    """
    settings = model.record.get("settings") if isinstance(model.record, dict) else None
    history = history_of(model.record)
    if history is not None:
        history.snapshots[:] = model.snapshots
    columns = [feature.name for feature in model.encoder.features for _ in feature.names]
    return _page(
        model,
        model.network,
        rows,
        X,
        row,
        title=words(language).get(TITLE, TITLE).format(model.target.name),
        inputs=model.encoder.feature_names,
        columns=columns,
        history=history,
        training=training_of(settings),
        language=language,
    )


def member_page(
    model: EnsembleModel,
    member: MemberNetwork,
    rows: Columns,
    row: int | None = None,
    language: str = "en",
) -> Page:
    """Return the page of one network of an ensemble on rows with their target.

    Raises as ``explain`` does.
    """
    from ..tabular.designs import LEARNING_RATE
    from ..tabular.members import member_inputs

    fold, share = str(member.fold + 1), f"{member.share:.0%}"
    title = words(language).get(MEMBER_TITLE, MEMBER_TITLE)
    return _page(
        model,
        member.network,
        rows,
        member_inputs(model, member, rows),
        row,
        title=title.format(model.target.name, fold, member.design.name, share),
        inputs=member.inputs,
        columns=member.columns,
        history=None,
        training={"optimizer": "adam", "learning_rate": LEARNING_RATE},
        language=language,
    )


def _page(
    model: EncodedModel,
    net: Network,
    rows: Columns,
    X: npt.NDArray[np.floating],
    row: int | None,
    title: str,
    inputs: Sequence[str],
    columns: Sequence[str],
    history: History | None,
    training: Mapping[str, object],
    language: str,
) -> Page:
    """Return the page of a network that takes ``inputs`` made of the table's ``columns``."""
    from ..tables.target import STANDARD_Y

    target = model.target
    regression = target.task == "regression"
    return explain(
        net,
        X,
        target.encode(target.values_of(rows[target.name]), net.dtype),
        history=history,
        inputs=inputs,
        outputs=target.classes if target.task == "multiclass" else [output_name(target)],
        row=row,
        first_row=1,
        title=title,
        notes=model.encoder.sentences + [STANDARD_Y] * regression,
        own=own_values(rows, columns),
        target=(target.mean, target.scale) if regression else None,
        training=training,
        language=language,
    )


def output_name(target: TargetEncoder) -> str:
    """Return the name of a single output: the class whose probability it is, or the target."""
    return f"{target.name} = {target.classes[1]}" if target.task == "binary" else target.name


def own_values(rows: Columns, names: Sequence[str]) -> list[list[str]]:
    """Return the table's own value of the columns behind every input (m, n_0), as text."""
    from ..tables.columns import as_text

    texts = {
        name: ["" if value is None else str(value) for value in as_text(rows[name]).tolist()]
        for name in dict.fromkeys(names)
    }
    return [list(line) for line in zip(*(texts[name] for name in names), strict=True)]


def training_of(settings: object) -> dict[str, object]:
    """Return optimizer, learning rate and batch size of a model file's record, where it has them.

    What a page cannot train with is left out: another optimizer than those of the table.
    """
    from ..mathematics.optimizers import OPTIMIZERS

    known = settings if isinstance(settings, dict) else {}
    name = str(known.get("optimizer") or "")
    if name.split("(")[0] not in OPTIMIZERS:
        return {}
    return {key: known.get(key) for key in ("optimizer", "learning_rate", "batch_size")}
