"""Threads of NumPy's BLAS: no more of them than the size of the work can use.

The native engine takes the number itself. The reference engine multiplies with NumPy's BLAS, which
on small layers loses more time to handing out work than it wins. The limit holds for the whole
process, so fits that run at the same time share one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from typing import Any

# A batch's largest product of matrices has to have so many multiplications to be worth two threads.
WORTH_THREADS = 4_000_000


class SharedLimit:
    """A limit that the first to enter sets, and that the last to leave takes away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users: list[object] = []
        self._limiter: Any = None

    @contextmanager
    def hold(self, threads: int) -> Iterator[None]:
        """Hold BLAS to ``threads``, or to the number that others hold it to already."""
        user = object()
        try:
            with self._lock:
                self._users.append(user)
                if self._limiter is None:
                    self._limiter = _blas().limit(limits=threads)
            yield
        finally:  # by its name: Ctrl-C may come before a user has entered
            with self._lock:
                self._users[:] = [other for other in self._users if other is not user]
                if not self._users and self._limiter is not None:
                    self._limiter.restore_original_limits()
                    self._limiter = None


_SHARED = SharedLimit()


def _forget_users() -> None:
    """Start anew in a forked process, where the threads that held BLAS do not live on."""
    global _SHARED
    _SHARED = SharedLimit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_users)


@contextmanager
def limited(n_threads: int | None, sizes: Sequence[int], batch: int) -> Iterator[None]:
    """Give BLAS ``n_threads`` within the context; None: one where the layers are small."""
    largest = max(n * k for n, k in pairwise(sizes)) * batch
    if n_threads is None and largest >= WORTH_THREADS:
        yield
    else:
        with _SHARED.hold(n_threads or 1):
            yield


@cache
def _blas() -> Any:
    """Return the controller of the BLAS libraries; to look for them takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
