"""Snapshots of a training in the model file: which are kept, and that they come back."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.files.model import read_model, write_model
from chainrule.tables.columns import Column, Columns
from chainrule.tables.fit import fit_columns
from chainrule.tables.model import TableModel
from chainrule.tables.settings import Choices
from chainrule.tables.snapshots import MOST, MOST_BYTES, count_for, thinned


def rows(m: int = 80) -> Columns:
    x = np.random.default_rng(0).normal(size=(m, 2))
    y = Column("y", "float", x @ [2.0, -1.0])
    return Columns({f"x{i}": Column(f"x{i}", "float", x[:, i]) for i in range(2)} | {"y": y}, m)


def test_the_file_keeps_the_first_and_the_last_of_at_most_twenty_snapshots(tmp_path: Path) -> None:
    thetas: dict[int, np.ndarray] = {}

    def watch(network: cr.Network, history: cr.History) -> None:
        thetas[history.epochs] = network.theta.copy()

    choices = Choices(hidden=(3,), epochs=50, patience=50)
    fitted = fit_columns(rows(), "y", choices, callbacks=[watch])
    fitted.model.save(tmp_path / "model")
    again = TableModel.load(tmp_path / "model")
    epochs = [epoch for epoch, _ in again.snapshots]
    assert len(epochs) == MOST
    assert (epochs[0], epochs[-1]) == (0, 50)
    assert max(np.diff(epochs)) <= 3
    for epoch, theta in again.snapshots[1:]:
        np.testing.assert_array_equal(theta, thetas[epoch])


@pytest.mark.parametrize("sizes", [[30, 64, 32, 1], [784, 128, 10], [100, 150, 1]])
def test_snapshots_fit_their_bytes_or_there_are_none(sizes: list[int]) -> None:
    network = cr.Network(sizes, seed=0)
    count = count_for(network)
    assert count * network.theta.nbytes <= MOST_BYTES
    assert (count == 0) == (5 * network.theta.nbytes > MOST_BYTES)


@pytest.mark.parametrize("m", [0, 1, 2, 19, 20, 21, 64])
def test_thinned_snapshots_are_in_order_and_keep_both_ends(m: int) -> None:
    snapshots = [(epoch, np.zeros(1)) for epoch in range(m)]
    epochs = [epoch for epoch, _ in thinned(snapshots, 20)]
    assert len(epochs) == min(m, 20)
    assert epochs == sorted(set(epochs))
    assert m == 0 or {epochs[0], epochs[-1]} == {0, m - 1}


@pytest.mark.parametrize("spoilt", ["nan", "shape", "dtype", "missing", "epochs", "words"])
def test_snapshots_that_do_not_fit_the_network_are_refused(spoilt: str, tmp_path: Path) -> None:
    fit_columns(rows(), "y", Choices(hidden=(3,), epochs=2)).model.save(tmp_path / "model")
    arrays, metadata = read_model(tmp_path / "model")
    theta = arrays["snapshots.theta"]
    if spoilt == "nan":
        theta[1, 2] = np.nan
    elif spoilt == "epochs":
        metadata["snapshots"] = metadata["snapshots"][1:]
    elif spoilt == "words":
        metadata["snapshots"] = ["a"] * len(theta)
    elif spoilt == "missing":
        del arrays["snapshots.theta"]
    else:
        arrays["snapshots.theta"] = theta[:, 1:] if spoilt == "shape" else theta.astype("f8")
    write_model(tmp_path / "spoilt", arrays, metadata)
    with pytest.raises(ValueError, match="is not a sound model file"):
        TableModel.load(tmp_path / "spoilt")
