"""Write the table of gradcheck_kernels.md: what the usual tolerances say of the same mistakes.

Run as ``python docs/gradcheck_kernels.py``; it prints the table. Twelve kernels, three mistakes
each, every one in three dtypes, from ``tests/gradcheck/kernel_gallery.py``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests" / "gradcheck"))

from kernel_gallery import DTYPES, KERNELS  # noqa: E402

from chainrule.gradcheck.kernels import check_kernel  # noqa: E402
from chainrule.gradcheck.kernels.arguments import arguments_of  # noqa: E402
from chainrule.gradcheck.kernels.passes import run  # noqa: E402

# What is checked: gradients of the kernel, of the eager function in its dtype and in float64.
Test = Callable[[Any, Any, Any, torch.dtype], bool]


def defaults(kernel: Any, eager: Any, truth: Any, dtype: torch.dtype) -> bool:
    """torch.testing.assert_close with its defaults for the dtype, against eager."""
    rtol, atol = {
        torch.bfloat16: (1.6e-2, 1e-5), torch.float16: (1e-3, 1e-5), torch.float32: (1.3e-6, 1e-5)
    }[dtype]  # fmt: skip
    return bool(np.all(np.abs(kernel - eager) <= atol + rtol * np.abs(eager)))


def five(kernel: Any, eager: Any, truth: Any, dtype: torch.dtype) -> bool:
    """atol 5.0 in bfloat16, 1e-4 in float32, as in some suites of kernels."""
    return bool(np.max(np.abs(kernel - eager)) <= (1e-4 if dtype == torch.float32 else 5.0))


def twice(kernel: Any, eager: Any, truth: Any, dtype: torch.dtype) -> bool:
    """At most twice eager's largest error against float64."""
    return bool(np.max(np.abs(kernel - truth)) <= 2 * np.max(np.abs(eager - truth)) + 3e-5)


def signed(kernel: Any, eager: Any, truth: Any, dtype: torch.dtype) -> bool:
    """A signed maximum: max(eager - kernel) <= 0.05."""
    return bool(np.max(eager - kernel) <= 0.05)


TESTS: dict[str, Test] = {
    "assert_close": defaults,
    "atol 5.0": five,
    "twice eager's error": twice,
    "signed maximum": signed,
}


def passes(kernel: Any, dtype: torch.dtype, mistake: int) -> dict[str, bool]:
    """Return which test lets a kernel pass."""
    inputs = kernel.inputs(dtype)
    function = kernel.function(mistake)
    arguments = arguments_of(function, inputs, None, kernel.reference)
    ours, upstream = run(arguments, function, None)
    eager, _ = run(arguments, kernel.reference, upstream)
    truth, _ = run(arguments.double(), kernel.reference, [u.double() for u in upstream])
    triples = list(zip(ours.gradients, eager.gradients, truth.gradients, strict=True))
    said = {name: all(test(*t, dtype) for t in triples) for name, test in TESTS.items()}
    report = check_kernel(function, inputs, kernel.reference, calls=False, repeats=0)
    return {**said, "chainrule": report.verdict != "wrong"}


def main() -> None:
    """Print the table."""
    names = [*TESTS, "chainrule"]
    print("| dtype | kernels | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    for dtype in DTYPES:
        for word, mistakes in (("right", (0,)), ("wrong", (1, 2, 3))):
            found = [passes(k, dtype, m) for k in KERNELS for m in mistakes]
            counts = [sum(f[n] == (word == "right") for f in found) for n in names]
            cells = " | ".join(f"{c} of {len(found)}" for c in counts)
            print(f"| {str(dtype)[6:]} | {word} | {cells} |")


if __name__ == "__main__":
    main()
