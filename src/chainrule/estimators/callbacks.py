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


def epoch_hook(
    estimator: Any, raw: tuple[Any, Any, Any], epochs: int
) -> Callable[[Any], bool] | None:
    """Return what is called with the network after each epoch, or None if there are no callbacks.

    It opens the context of the fit, ends the task of the epoch and begins that of the next; it
    returns True if a callback asks to stop. ``raw``: (X, y, weight) of the training samples.
    """
    if not hasattr(estimator, "_init_callback_context"):
        return None
    X, y, weight = raw
    metadata = None if weight is None else {"sample_weight": weight}
    fit_context = estimator._init_callback_context(max_subtasks=epochs)
    data = {"estimator": estimator, "X": X, "y": y, "metadata": metadata}
    fit_context.call_on_fit_task_begin(**data)
    if not hasattr(estimator, "_skl_callbacks"):
        return None
    task = [_begin(fit_context, data, estimator.network_)]
    left = [epochs - 1]

    def hook(net: Any) -> bool:
        stop = bool(task[0].call_on_fit_task_end(**data, reconstruction_attributes=_learnt(net)))
        if left[0] and not stop:
            left[0] -= 1
            task[0] = _begin(fit_context, data, net)
        return stop

    return hook


def _begin(fit_context: Any, data: dict[str, Any], net: Any) -> Any:
    task = fit_context.subcontext(task_name="epoch")
    task.call_on_fit_task_begin(**data, reconstruction_attributes=_learnt(net))
    return task


def _learnt(net: Any) -> dict[str, Any]:
    return {"network_": net.copy()}
