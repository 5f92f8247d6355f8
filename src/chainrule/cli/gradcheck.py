"""``chainrule gradcheck``: is a function in a Python file differentiated right?"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from typing import Any

import click

from .output import common, print_json


@click.command(short_help="Check the backward pass of a function in a Python file.")
@click.argument("target", metavar="FILE.py::FUNCTION")
@click.option("--reference", metavar="NAME", help="The plain function of the same file.")
@click.option(
    "--shape", "shapes", multiple=True, metavar="8x16",
    help="Shape of an argument, filled with random numbers; once for each argument.",
)  # fmt: skip
@click.option("--dtype", default="float32", show_default=True, help="Dtype of the arguments.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of random numbers.")
@click.option("--annotate", is_flag=True, help="Also print an ::error line, as on GitHub.")
@common
def gradcheck(
    target: str,
    reference: str | None,
    shapes: tuple[str, ...],
    dtype: str,
    seed: int,
    annotate: bool,
    as_json: bool,
    quiet: bool,
    debug: bool,
) -> None:
    """Check FUNCTION of FILE.py: a torch or JAX function, or an autograd.Function.

    Its arguments are random tensors of the shapes given. Without --shape FUNCTION takes no
    arguments and returns a report of chainrule, or what check_gradients takes: (cost, gradients,
    parameters).

    Exit code: 0 every entry is right, 1 one is wrong, 4 it cannot be decided.

    \b
    Example:
      chainrule gradcheck ops.py::RMSNorm --reference plain --shape 8x16 --shape 16
    """
    from ..gradcheck.brief import annotation, brief

    path, name = _split(target)
    module = _module(path)
    function = _named(module, name, path)
    report = _report(function, module, path, reference, shapes, dtype, seed)
    if as_json:
        print_json({"target": target, "seed": seed, **report.to_dict()})
    elif report.ok:
        if not quiet:
            click.echo(str(report))
    else:
        click.echo(brief(report, seed))
    if not report.ok and (annotate or os.environ.get("GITHUB_ACTIONS")):
        click.echo(annotation(path, _line(function), brief(report, seed)), err=as_json)
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


def _split(target: str) -> tuple[str, str]:
    path, mark, name = target.partition("::")
    if not mark or not name:
        raise click.UsageError(f"{target!r} names no function: write it as FILE.py::FUNCTION")
    if not Path(path).is_file():
        raise click.UsageError(f"there is no file {path!r}")
    return path, name


def _module(path: str) -> Any:
    """Run a Python file as a module, with its folder on the path as pytest does."""
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise click.UsageError(f"{path!r} is no Python file")
    module = module_from_spec(spec)
    sys.path.insert(0, str(Path(path).resolve().parent))
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever somebody's file can raise
        raise click.UsageError(f"{path} raised {_said(error)}") from error
    return module


def _named(module: Any, name: str, path: str) -> Any:
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        from ..mathematics.names import nearest

        known = [n for n, value in vars(module).items() if callable(value)]
        near = nearest(name, known)
        hint = f", did you mean {near!r}?" if near else ""
        raise click.UsageError(f"{path} has no function {name!r}{hint}")
    return found


def _report(
    function: Any,
    module: Any,
    path: str,
    reference: str | None,
    shapes: tuple[str, ...],
    dtype: str,
    seed: int,
) -> Any:
    from ..gradcheck import Report, check_gradients
    from ..gradcheck.kernels import check_kernel

    if shapes:
        plain = None if reference is None else _named(module, reference, path)
        called = getattr(function, "apply", function) if inspect.isclass(function) else function
        inputs = _inputs(shapes, dtype, seed, module)
        return check_kernel(called, inputs, plain, seed=seed)
    if reference is not None:
        raise click.UsageError("--reference needs --shape: the arguments of both functions")
    try:
        value = function()
    except TypeError as error:
        raise click.UsageError(f"{_said(error)}: give --shape for each argument") from error
    except Exception as error:  # whatever somebody's function can raise
        raise click.UsageError(f"the function raised {_said(error)}") from error
    if isinstance(value, Report):
        return value
    if not isinstance(value, tuple) or len(value) != 3:
        raise click.UsageError(
            f"the function returned {type(value).__name__}: a report, or (cost, gradients, "
            "parameters), is needed; or give --shape for each of its arguments"
        )
    return check_gradients(*value, seed=seed, progress=False)


def _said(error: Exception) -> str:
    first = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {first}"


def _inputs(shapes: tuple[str, ...], dtype: str, seed: int, module: Any) -> tuple[Any, ...]:
    """Return random arrays of the library that the file uses: torch, or JAX where it has no
    torch."""
    import numpy as np

    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(_shape(s)) for s in shapes]
    if any(getattr(v, "__name__", "").startswith("jax") for v in vars(module).values()):
        import jax.numpy as jnp

        return tuple(jnp.asarray(a, dtype) for a in arrays)
    import torch

    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise click.UsageError(f"--dtype {dtype!r} is no floating dtype: write float32 or bfloat16")
    return tuple(torch.from_numpy(a).to(kind) for a in arrays)


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(n) for n in text.lower().replace(",", "x").split("x") if n)
    except ValueError:
        shape = ()
    if not shape or min(shape) < 1:
        raise click.UsageError(f"--shape {text!r} is no shape: write it as 8x16")
    return shape


def _line(function: Any) -> int:
    try:
        return inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return 1
