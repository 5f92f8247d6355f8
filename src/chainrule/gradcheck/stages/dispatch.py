"""``check_stages``: marked arrays, a list of stages, or a torch model."""

from __future__ import annotations

from typing import Any

from ..report import Report
from .numpy_program import check_chain, check_marked


def check_stages(subject: Any, *args: Any, loss: Any = None, seed: int = 0) -> Report:
    """Check a program stage by stage; the first wrong one going backwards is named.

    ``check_stages(cost, gradients, parameters)``: NumPy functions with ``cr.stage`` marks inside.
    ``check_stages([(forward, backward), ...], x)``: each stage at its own input and upstream
    gradient; a pair may start with a name, and forward may return (output, cache).
    ``check_stages(model, *inputs, loss=None)``: a torch module or function; every custom
    ``autograd.Function`` in it, at the inputs and upstream gradients that it has there, in its own
    dtype. ``loss(output)`` is the cost where the model does not return it.

    Returns a ``Report`` with a part for each stage; ``report.where`` has file and line. Raises
    TypeError or ValueError, one sentence each.
    """
    if isinstance(subject, (list, tuple)):
        if len(args) != 1:
            raise TypeError("a list of stages needs the input of the first: check_stages(list, x)")
        return check_chain(subject, args[0], seed)
    kinds = [cls.__module__.split(".")[0] for a in (subject, *args) for cls in type(a).__mro__]
    if "torch" in kinds:
        from .torch_program import check_model

        return check_model(subject, args, loss, seed)
    if len(args) != 2 or not callable(subject):
        raise TypeError(
            "give (cost, gradients, parameters), a list of (forward, backward) and x, or a torch "
            "model and its inputs"
        )
    return check_marked(subject, args[0], args[1], seed)
