"""Writes docs/gradcheck_cases.md: ten cases, four checkers; torch's samples; public bugs.

    python docs/gradcheck_cases.py > docs/gradcheck_cases.md

Needs torch, expecttest, jax and scipy, and some ten minutes. Each of the ten cases is one cost and
one gradient, written once over the functions that NumPy, torch and JAX share, and given to every
checker with its own defaults.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.gradcheck import check_gradients

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "gradcheck"))
rng = np.random.default_rng(0)
X = rng.normal(size=(32, 4))
Y = rng.normal(size=32)


@dataclass(frozen=True)
class Example:
    """A cost and a gradient of x over a namespace xp; ``right``: whether the gradient is."""

    name: str
    why: str
    right: bool
    x: Any
    cost: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], Any]


def data(xp: Any, like: Any) -> tuple[Any, Any]:
    """X and Y in the library and dtype of ``like``."""
    if xp.__name__ == "torch":
        return xp.as_tensor(X, dtype=like.dtype), xp.as_tensor(Y, dtype=like.dtype)
    return xp.asarray(X, dtype=like.dtype), xp.asarray(Y, dtype=like.dtype)


def mse(xp: Any, w: Any) -> Any:
    """Mean squared error of a linear layer."""
    A, y = data(xp, w)
    return ((A @ w - y) ** 2).sum() / 32


def mse_slope(scale: float) -> Callable[[Any, Any], Any]:
    """Its gradient times a factor."""

    def slope(xp: Any, w: Any) -> Any:
        A, y = data(xp, w)
        return scale * 2 * A.T @ (A @ w - y) / 32

    return slope


def relu_sum(xp: Any, x: Any) -> Any:
    """The sum of relu(x)."""
    return ((x + xp.abs(x)) / 2).sum()


def step(xp: Any, x: Any) -> Any:
    """Its gradient, 0 at 0."""
    return xp.where(x > 0, xp.ones_like(x), xp.zeros_like(x))


def one_off(xp: Any, x: Any) -> Any:
    """2 x, but for one entry in 200 that is 1 % too large."""
    k = xp.ones_like(x)
    scaled = xp.where(xp.abs(x - x[77]) < 1e-12, 1.01 * k, k)
    return 2 * x * scaled


W = rng.normal(size=4)
EXAMPLES = (
    Example("relu kink", "relu at x = 1e-7", True, np.array([0.5, 1e-7, -2.0]), relu_sum, step),
    Example(
        "on the kink", "|x| at x = 0, gradient 0", True, np.array([0.5, 0.0]),
        lambda xp, x: xp.abs(x).sum(), lambda xp, x: xp.sign(x),
    ),
    Example(
        "float32 linear layer", "mean squared error in float32", True, W.astype(np.float32), mse,
        mse_slope(1),
    ),
    Example(
        "large offset", "1e6 + sum x²", True, W, lambda xp, x: 1e6 + (x**2).sum(),
        lambda xp, x: 2 * x,
    ),
    Example("sign flip", "the gradient's sign is turned", False, W, mse, mse_slope(-1)),
    Example("missing 1/m", "m = 32 samples, 1/m left out", False, W, mse, mse_slope(32)),
    Example(
        "f' missing", "sum tanh(x)², gradient 2 tanh(x)", False, W,
        lambda xp, x: (xp.tanh(x) ** 2).sum(), lambda xp, x: 2 * xp.tanh(x),
    ),
    Example("0.05 % too large", "a slightly wrong constant", False, W, mse, mse_slope(1.0005)),
    Example(
        "small gradient doubled", "1e-7 sum x², gradient twice as large", False, W,
        lambda xp, x: 1e-7 * (x**2).sum(), lambda xp, x: 4e-7 * x,
    ),
    Example(
        "one entry in 200", "one entry 1 % too large", False, rng.normal(size=200),
        lambda xp, x: (x**2).sum(), one_off,
    ),
)  # fmt: skip


def by_torch(e: Example) -> str:
    """torch.autograd.gradcheck with its defaults."""
    import torch

    class Function(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return e.cost(torch, x)

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            return g * e.gradient(torch, ctx.saved_tensors[0])

    x = torch.tensor(e.x, requires_grad=True)
    try:
        return f"{torch.autograd.gradcheck(Function.apply, (x,))}"
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"


def by_jax(e: Example) -> str:
    """jax.test_util.check_grads, reverse mode, order 1, its defaults."""
    import jax
    from jax.test_util import check_grads

    jnp = jax.numpy

    @jax.custom_vjp
    def f(x: Any) -> Any:
        return e.cost(jnp, x)

    f.defvjp(lambda x: (f(x), x), lambda x, g: (g * e.gradient(jnp, x),))
    with jax.enable_x64(True):
        try:
            check_grads(f, (jnp.asarray(e.x),), order=1, modes=["rev"])
            return "passes"
        except Exception as error:
            return f"{type(error).__name__}: {first_line(error)}"


def by_scipy(e: Example) -> str:
    """scipy.optimize.check_grad: one number and no verdict."""
    from scipy.optimize import check_grad

    found = check_grad(lambda x: float(e.cost(np, x)), lambda x: e.gradient(np, x), e.x)
    return f"{found:.1g}"


def by_chainrule(e: Example) -> tuple[str, str]:
    """Our verdict with where and why, and the whole report."""
    report = check_gradients(
        lambda p: e.cost(np, p["x"]), lambda p: {"x": e.gradient(np, p["x"])}, {"x": e.x},
        progress=False, name=e.name,
    )  # fmt: skip
    why = f": {report.diagnoses[0].sentence}" if report.diagnoses else ""
    if report.verdict == "wrong" and not why:
        i = report["x"].worst(1)[0]
        why = f": {report.count(1)} of {report['x'].analytic.size}, worst x[{i}]"
    return report.verdict + why, str(report)


def first_line(error: Exception) -> str:
    """The beginning of a message that may run over many lines."""
    return " ".join(str(error).split())[:90] + "..."


SETTINGS = {"raise_exception": False, "check_undefined_grad": False}


def faults_table() -> None:
    """Print how many faults in torch's own sample functions pass each checker."""
    import torch
    from opinfo_faults import conjugate, differs, faults, samples

    import chainrule.compat.torch as door

    checkers: dict[str, Callable[..., bool]] = {
        "torch, fast mode": lambda f, x: torch.autograd.gradcheck(f, x, fast_mode=True, **SETTINGS),
        "torch": lambda f, x: torch.autograd.gradcheck(f, x, **SETTINGS),
        "chainrule": lambda f, x: door.gradcheck(f, x, **SETTINGS),
    }
    print("| fault in the gradient of the first argument | functions | missed by ", end="")
    print(" | missed by ".join(checkers) + " |\n" + "|---" * (2 + len(checkers)) + "|")
    cases = [(name, make, samples()) for name, make in faults().items()]
    cases.append(("conjugate missing (complex)", conjugate, samples(torch.complex128)))
    for fault, make, functions in cases:
        wrong = [(name, make(f), x) for name, f, x in functions if differs(f, make(f), x)]
        passed = [[name for name, f, x in wrong if check(f, x)] for check in checkers.values()]
        cells = [fault, str(len(wrong)), *(in_words(names, len(wrong)) for names in passed)]
        print("| " + " | ".join(cells) + " |")


def in_words(names: list[str], of: int) -> str:
    """How many functions, and which where they are few."""
    few = f": {', '.join(n.removeprefix('nn.functional.') for n in names)}"
    return "all" if len(names) == of else f"{len(names)}{few if 0 < len(names) < 9 else ''}"


def gallery_totals(path: str) -> None:
    """Print the totals of the gallery of public bugs, out of what ``bench/gallery.py`` printed."""
    if path:
        text = Path(path).read_text(encoding="utf-8")
    else:
        program = [sys.executable, str(ROOT / "bench" / "gallery.py")]
        text = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    for section in text.split("## ")[1:]:
        title, totals = section.split("| field |")[0].strip().split("\n\n", 1)
        print(f"### {title}\n\n{totals}\n")


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gallery", default="", help="what bench/gallery.py printed, in a file")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    print("# Ten gradients, four checkers\n")
    print(
        "What each says with its defaults; right is what the gradient is. Every figure of this "
        "page is printed by `python docs/gradcheck_cases.py`.\n"
    )
    versions = {name: __import__(name).__version__ for name in ("torch", "jax", "scipy", "numpy")}
    print("Versions: " + ", ".join(f"{k} {v}" for k, v in versions.items()) + ".\n")
    print("| case | gradient | torch gradcheck | jax check_grads | scipy check_grad | chainrule |")
    print("|---|---|---|---|---|---|")
    reports = []
    for e in EXAMPLES:
        ours, report = by_chainrule(e)
        reports.append((e, report))
        cells = [f"**{e.name}**: {e.why}", "right" if e.right else "wrong"]
        cells += [by_torch(e), by_jax(e), by_scipy(e), ours]
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    print("\nscipy gives the length of the difference from a forward difference, and no verdict.\n")
    print("## Faults in torch's own sample functions\n")
    print(
        "The smallest sample of each operator (OpInfo), its gradient spoilt on purpose; how many "
        "pass (`python docs/gradcheck_cases.py`). A linear function has no stale input.\n"
    )
    faults_table()
    print("\ntorch lets a relative error of 0.1 % and an absolute one of 1e-5 pass.\n")
    print("## A gallery of public bugs\n")
    print(
        "Gradients after public threads, each a small program with its link, ten seeds each "
        "(`python bench/gallery.py` prints these figures and every case, which are in "
        "tests/gradcheck/gallery). A fifth was kept from the author of the diagnoses until they "
        "were done. Undecidable counts where one answer is right: not at a kink, nor in a chaotic "
        "map.\n"
    )
    gallery_totals(args.gallery)
    print("## The reports\n")
    for e, report in reports:
        # The time is of no interest here, and differs from run to run.
        lines = [line.split(" evaluations, ")[0] for line in report.splitlines()]
        print(f"### {e.name}\n\n```text\n" + "\n".join(lines) + "\n```\n")


if __name__ == "__main__":
    main()
