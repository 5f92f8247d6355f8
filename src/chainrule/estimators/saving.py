"""Saving: the model file, pickle and skops.

Pickles and skops files hold the network as its config and theta, not as functions.
"""

from __future__ import annotations

from typing import Any

from ..network import Network


class Saved:
    """What an estimator needs to be written and read back."""

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())  # type: ignore[misc]
        if "network_" in state:
            net = state["network_"]
            try:
                state["network_"] = {"config": net.config(), "theta": net.theta}
            except ValueError:  # one's own records: they are pickled if they can be
                state["network_"] = net
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        found = state.get("network_")
        if isinstance(found, dict):
            state = {**state, "network_": Network.from_config(found["config"], found["theta"])}
        super().__setstate__(state)  # type: ignore[misc]


def load(path: Any) -> Any:
    """To come."""
    raise NotImplementedError
