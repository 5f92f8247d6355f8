"""``torch.autograd.gradcheck`` and ``gradgradcheck``: every entry of every output's Jacobian."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.autograd.gradcheck import GradcheckError as TorchGradcheckError

from ..gradcheck.brief import brief
from ..gradcheck.jacobians.blocks import check_blocks
from ..gradcheck.jacobians.torch_jacobian import TorchFunction
from ..gradcheck.kernels import check_kernel
from ..gradcheck.report import GradientError, Part, Report
from ..gradcheck.verdicts import RIGHT, TOLERANCE, WRONG

RTOL = 1e-3
ATOL = 1e-5


class GradcheckError(GradientError, TorchGradcheckError):
    """A gradient is wrong; caught by whoever catches torch's error, and carries the report."""

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.args = (brief(report, 0),)


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = ATOL,
    rtol: float = RTOL,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check gradients as ``torch.autograd.gradcheck`` does; True, or an exception that says where.

    The arguments are torch's. ``eps`` and ``fast_mode`` are not needed: the step is found and every
    entry is checked. ``rtol``, where it is given, is the relative error that passes; else 1e-5.
    Inputs in float32 and shorter are checked as they are, by ``cr.check_kernel``. An entry that
    cannot be decided (at a kink) passes with a warning.

    Raises ``GradcheckError``, which is also torch's, or with ``raise_exception=False`` returns
    False. Source of the signature: PyTorch 2.13.
    """
    report = torch_report(
        func,
        inputs,
        tolerance=TOLERANCE if rtol == RTOL else max(rtol, TOLERANCE),
        nondet_tol=nondet_tol,
        undefined=check_undefined_grad,
        dtypes=check_grad_dtypes,
        batched=check_batched_grad,
        forward=check_forward_ad or check_batched_forward_grad,
        backward=check_backward_ad,
    )
    return concluded(report, raise_exception)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = ATOL,
    rtol: float = RTOL,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check second derivatives as ``torch.autograd.gradgradcheck`` does: the backward pass as a
    function of the inputs and of the upstream gradients.

    The arguments are torch's, see ``gradcheck``. Raises ``GradcheckError``.
    """
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    function = TorchFunction(func, given)
    upstream = _upstream(function, grad_outputs, gen_non_contig_grad_outputs)
    count = len(given)

    def backward(*arguments: Any) -> tuple[Any, ...]:
        values = [
            x.view_as(x) if isinstance(x, torch.Tensor) and x.requires_grad else x
            for x in arguments[:count]
        ]
        outputs = func(*values)
        outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
        kept = [o for o in outputs if isinstance(o, torch.Tensor) and o.requires_grad]
        asked = [v for i, v in enumerate(values) if i in function.asked]
        grads = torch.autograd.grad(
            kept, asked, arguments[count : count + len(kept)], create_graph=True, allow_unused=True
        )
        return tuple(g for g in grads if g is not None)

    report = torch_report(
        backward,
        (*given, *upstream),
        tolerance=TOLERANCE if rtol == RTOL else max(rtol, TOLERANCE),
        nondet_tol=nondet_tol,
        undefined=check_undefined_grad,
        dtypes=check_grad_dtypes,
        batched=check_batched_grad,
        forward=check_fwd_over_rev,
        backward=check_rev_over_rev,
    )
    return concluded(report, raise_exception)


def _upstream(function: TorchFunction, given: Any, gaps: bool) -> list[Any]:
    if given is not None:
        return list(given) if isinstance(given, (tuple, list)) else [given]
    generator = torch.Generator().manual_seed(0)
    outputs = [o for o in function.run(function.leaves(True)) if o.requires_grad]
    upstream = []
    for o in outputs:
        u = torch.randn(o.shape, dtype=o.dtype, generator=generator).to(o.device)
        if gaps:
            u = torch.stack([u, u], -1)[..., 0]
        upstream.append(u.requires_grad_(True))
    return upstream


def concluded(report: Report, raise_exception: bool) -> bool:
    """Return True for a report that is not wrong; raise, or return False, for one that is."""
    if report.verdict == "wrong":
        if raise_exception:
            raise GradcheckError(report)
        return False
    if not report.ok:
        warnings.warn(brief(report), stacklevel=3)
    return True


def torch_report(
    func: Callable[..., Any],
    inputs: Any,
    *,
    tolerance: float = TOLERANCE,
    nondet_tol: float = 0.0,
    undefined: bool = True,
    dtypes: bool = False,
    batched: bool = False,
    forward: bool = False,
    backward: bool = True,
) -> Report:
    """Return the report of ``gradcheck``: a Jacobian's block for each output and input."""
    given = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    asked = [x for x in given if isinstance(x, torch.Tensor) and x.requires_grad]
    if asked and all(torch.finfo(x.dtype).bits < 64 for x in asked if not x.is_complex()):
        short = [x for x in asked if not x.is_complex()]
        if short:
            return check_kernel(func, tuple(given), seed=0)
    with torch.random.fork_rng([]), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function = TorchFunction(_frozen(func), given)
        analytic, parts = [], []
        if backward:
            reverse = function.reverse()
            analytic.append(("reverse mode", reverse))
            parts += _lines(function, reverse, nondet_tol, undefined, dtypes, batched)
        if forward:
            analytic.append(("forward mode", function.forward()))
        return check_blocks(
            function,
            function.x,
            analytic,
            function.inputs,
            function.outputs,
            subject=f"torch {getattr(func, '__name__', type(func).__name__)}",
            parts=parts,
            tolerance=tolerance,
        )


def _frozen(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function with torch's random numbers begun anew before every call."""

    def run(*arguments: Any) -> Any:
        torch.manual_seed(0)
        return func(*arguments)

    return run


def _lines(
    function: TorchFunction, J: Any, nondet_tol: float, undefined: bool, dtypes: bool, batched: bool
) -> list[Part]:
    again = function.reverse()
    size = float(np.max(np.abs(J), initial=0.0))
    gap = float(np.max(np.abs(again - J), initial=0.0))
    said = f"differs by {gap:.1e} from run to run" if gap > nondet_tol + 1e-12 * size else ""
    parts = [Part("backward twice", WRONG if said else RIGHT, said)]
    if len(function.outputs) > 1:
        gap = float(np.max(np.abs(function.reverse(zeros=True) - J), initial=0.0))
        said = f"differs by {gap:.1e}: take None for 0" if gap > 1e-9 * size else ""
        name = "None and zeros for the other outputs are the same"
        parts.append(Part(name, WRONG if said else RIGHT, said))
    if undefined:
        parts += _undefined(function)
    if dtypes:
        parts.append(_dtypes(function))
    if batched:
        parts.append(_batched(function, J))
    return parts


def _undefined(function: TorchFunction) -> Iterator[Part]:
    """An upstream gradient that is not there: its part of the gradient is 0 or None."""
    none: Any = torch._C._functions.UndefinedGrad()
    leaves = function.leaves(True)
    outputs = [o for o in function.run(leaves) if o.requires_grad]
    for k in [None, *(range(len(outputs)) if len(outputs) > 1 else ())]:
        alone = outputs if k is None else [outputs[k]]
        name = "upstream gradient None" + ("" if k is None else f" for output {k}")
        try:
            outs = [none(o) for o in alone]
            grads = torch.autograd.grad(
                outs, leaves, [torch.zeros_like(o) for o in outs], retain_graph=True,
                allow_unused=True,
            )  # fmt: skip
        except Exception as error:  # whatever somebody's backward raises without a gradient
            first = (str(error).strip().splitlines() or ["no message"])[0]
            yield Part(name, WRONG, f"raised {type(error).__name__}: {first}; take None for 0")
            continue
        bad = any(g is not None and bool((g.to_dense() != 0).any()) for g in grads)
        yield Part(name, WRONG if bad else RIGHT, "the gradient is not 0" if bad else "")


def _dtypes(function: TorchFunction) -> Part:
    leaves = function.leaves(True)
    outputs = [o for o in function.run(leaves) if o.requires_grad]
    ones: Sequence[Any] = [torch.ones_like(o) for o in outputs]
    grads = torch.autograd.grad(outputs, leaves, ones, allow_unused=True) if outputs else ()
    off = [
        f"input{i} is {leaf.dtype} and its gradient {g.dtype}"
        for i, leaf, g in zip(function.asked, leaves, grads, strict=False)
        if g is not None and g.dtype != leaf.dtype
    ]
    return Part("dtype of the gradient", WRONG if off else RIGHT, "; ".join(off))


def _batched(function: TorchFunction, J: Any) -> Part:
    try:
        gap = float(np.max(np.abs(function.reverse(batched=True) - J), initial=0.0))
    except RuntimeError as error:
        first = (str(error).strip().splitlines() or ["no message"])[0]
        return Part("batched backward", WRONG, f"raised RuntimeError: {first}")
    bad = gap > 1e-9 * max(float(np.max(np.abs(J), initial=0.0)), 1.0)
    return Part("batched backward", WRONG if bad else RIGHT, f"differs by {gap:.1e}" if bad else "")
