"""Engines: the protocol, the reference engine, and the choice between them."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ..mathematics.names import unknown
from . import reference
from .protocol import Engine, Predictor, Problem, Steps

__all__ = ["Engine", "Predictor", "Problem", "Steps", "built", "choose", "unbuilt"]

ENGINES = ("auto", "native", "reference")


def choose(name: str, problem: Problem) -> tuple[Engine, str]:
    """Return the engine for a problem, and a line that says why if it is not the native one.

    ``"auto"`` takes the native engine where it was built and knows every part of the problem.
    Raises ValueError for an unknown name, and for ``"native"`` where it is missing or lacks a part.
    """
    if name not in ENGINES:
        raise unknown("engine", name, ENGINES)
    fallback: Any = reference
    if name == "reference":
        return fallback, ""
    native = built()
    if native is None:
        if name == "native":
            raise ValueError(unbuilt() or "the native engine was not built: use engine='reference'")
        return fallback, unbuilt()
    if problem.rate_factors is not None or problem.decay_factors is not None:
        native = import_module(".grouped", __name__)
    missing = native.lacks(problem)
    if missing is None:
        return native, ""
    if name == "native":
        raise ValueError(f"the native engine lacks {missing}: use engine='reference'")
    return fallback, f"reference engine: the native one lacks {missing}"


def unbuilt() -> str:
    """Return why the native engine is missing; "" where it is built, or was left out on purpose."""
    if built() is not None:
        return ""
    try:
        from ._unbuilt import REASON
    except ImportError:
        return ""
    if not REASON:
        return ""
    return (
        f"the native engine was not built because {REASON}, and training on NumPy is several times "
        "slower: install g++ or clang, then install chainrule again"
    )


@cache
def built() -> Any:
    """Return the native engine, or None where it was not built.

    Asked once: an import that fails takes a lock each time, and a process forked by another thread
    just then would wait for it forever.
    """
    try:
        return import_module(".native", __name__)
    except ImportError:
        return None


def __getattr__(name: str) -> Any:
    """Give ``chainrule.engines.native``, which is imported when it is first asked for."""
    if name == "native" and built() is not None:
        return built()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
