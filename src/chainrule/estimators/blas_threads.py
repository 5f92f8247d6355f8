"""Threads: no more of them than the size of the work can use.

The native engine takes the number itself. The reference engine multiplies with NumPy's BLAS, which
on small layers loses more time to handing out work than it wins.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from functools import cache
from typing import Any

# A batch's largest product of matrices has to have so many multiplications to be worth two threads.
WORTH_THREADS = 4_000_000


def limited(n_threads: int | None, net: Any, batch: int) -> AbstractContextManager[Any]:
    """Return a context in which BLAS has ``n_threads``, or one where the layers are small."""
    largest = max(n * k for n, k in zip(net.sizes[:-1], net.sizes[1:], strict=True)) * batch
    if n_threads is None and largest >= WORTH_THREADS:
        return nullcontext()
    limit: AbstractContextManager[Any] = _blas().limit(limits=n_threads or 1, user_api="blas")
    return limit


@cache
def _blas() -> Any:
    """Return the controller of the BLAS libraries; to look for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
