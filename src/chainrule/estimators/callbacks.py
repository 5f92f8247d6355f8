"""scikit-learn's callback protocol (1.9): progress bars, scoring monitors and others of its kind.

With an older scikit-learn there is no protocol, and the estimators do without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this scikit-learn has no callbacks."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method


CallbackSupport = CallbackSupportMixin

__all__ = ["CallbackSupport", "epoch_hook", "with_callbacks"]


def epoch_hook(estimator: Any, samples: Any, epochs: int) -> Callable[[Any], bool] | None:
    """Return what is called with the network after each epoch, or None where nobody listens.

    It opens the context of the fit, ends the task of the epoch and begins that of the next; it
    returns True if a callback asks to stop.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    X, y, weight = samples.given
    metadata = None if weight is None else {"sample_weight": weight}
    whole = estimator._init_callback_context(max_subtasks=epochs)
    told = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    whole.call_on_fit_task_begin(**told)
    if not hasattr(estimator, "_skl_callbacks"):
        return None
    task = [_begin(whole, told, estimator.network_)]
    left = [epochs - 1]

    def hook(net: Any) -> bool:
        stop = bool(task[0].call_on_fit_task_end(**told, reconstruction_attributes=_learnt(net)))
        if left[0] and not stop:
            left[0] -= 1
            task[0] = _begin(whole, told, net)
        return stop

    return hook


def _begin(whole: Any, told: dict[str, Any], net: Any) -> Any:
    task = whole.subcontext(task_name="epoch")
    task.call_on_fit_task_begin(**told, reconstruction_attributes=_learnt(net))
    return task


def _learnt(net: Any) -> dict[str, Any]:
    return {"network_": net.copy()}
