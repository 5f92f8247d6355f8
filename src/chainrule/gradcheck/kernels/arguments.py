"""The arguments of a function: which of them are checked, under which names, and how it is called.

Whole numbers, truth values, strings and None pass through as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..pytree import Path, rebuild, walk
from .frameworks import Call, Framework, framework_of


@dataclass(frozen=True, slots=True)
class Arguments:
    """Positional arguments (a tuple) or keyword arguments (a dictionary), and what is checked."""

    template: tuple[Any, ...] | dict[str, Any]
    framework: Framework
    names: tuple[str, ...]
    paths: tuple[Path, ...]

    @property
    def arrays(self) -> list[Any]:
        """The checked arrays."""
        return [at(self.template, path) for path in self.paths]

    def call(self, function: Callable[..., Any]) -> Call:
        """Return ``function`` as one of the checked arrays alone."""

        def run(arrays: Sequence[Any]) -> Any:
            filled = rebuild(self.template, dict(zip(self.paths, arrays, strict=True)))
            return function(**filled) if isinstance(filled, dict) else function(*filled)

        return run

    def double(self) -> Arguments:
        """Return the same arguments with every floating array in float64."""
        wide = {path: self.framework.double(leaf) for _, path, leaf in walk(self.template)}
        return replace(self, template=rebuild(self.template, wide))

    def moved(self, arrays: Sequence[Any]) -> Arguments:
        """Return the same arguments with other checked arrays."""
        changed = dict(zip(self.paths, arrays, strict=True))
        return replace(self, template=rebuild(self.template, changed))


def at(template: Any, path: Path) -> Any:
    """Return the leaf at the end of these keys."""
    for key in path:
        template = template[key]
    return template


def arguments_of(
    function: Callable[..., Any],
    inputs: Any,
    wrt: str | int | Iterable[str | int] | None = None,
    reference: Any = None,
) -> Arguments:
    """Read the inputs of a function: a tuple of arguments, a dictionary of keywords, one array.

    ``wrt``: names or positions of what is checked; without it what asks for its gradient (torch's
    ``requires_grad``), else every array of floats. Names that the function's own signature lacks
    are those of ``reference``. Raises TypeError or ValueError, in one sentence.
    """
    if not callable(function):
        raise TypeError(f"the function must be callable, and is {type(function).__name__}")
    template: Any = dict(inputs) if isinstance(inputs, Mapping) else inputs
    if isinstance(template, list):
        template = tuple(template)
    if not isinstance(template, (tuple, dict)):
        template = (template,)
    words = _parameters(function) or (_parameters(reference) if reference else ())
    leaves = list(_leaves(template, words))
    framework = framework_of([leaf for _, _, leaf in leaves])
    floats = [(path, leaf) for _, path, leaf in leaves if framework.floating(leaf)]
    names = [name for name, _, leaf in leaves if framework.floating(leaf)]
    picked = _picked(floats, names, wrt, framework)
    if not picked:
        raise ValueError("inputs hold no array of floats: there is no gradient to check")
    return Arguments(
        template,
        framework,
        tuple(names[i] for i in picked),
        tuple(floats[i][0] for i in picked),
    )


def _picked(floats: Any, names: Sequence[str], wrt: Any, framework: Framework) -> list[int]:
    if wrt is None:
        asked = [i for i, (_, leaf) in enumerate(floats) if framework.wanted(leaf)]
        return asked or list(range(len(floats)))
    wanted = [wrt] if isinstance(wrt, (str, int)) else list(wrt)
    picked: list[int] = []
    for one in wanted:
        hits = [
            i
            for i, (path, _) in enumerate(floats)
            if (path[0] == one if isinstance(one, int) else _heads(names[i], one))
        ]
        if not hits:
            raise ValueError(
                f"wrt names {one!r}, which is no array of floats among the inputs: "
                f"these are {', '.join(names) or 'none'}"
            )
        picked += [i for i in hits if i not in picked]
    return sorted(picked)


def _heads(name: str, word: str) -> bool:
    return name == word or name.startswith((f"{word}[", f"{word}."))


def _parameters(function: Any) -> tuple[str, ...]:
    """The names of a function's positional parameters; those of an autograd.Function's forward."""
    owner = getattr(function, "__self__", None)
    if inspect.isclass(owner) and hasattr(owner, "forward") and hasattr(owner, "backward"):
        function = owner.forward
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return ()
    words = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return tuple(words[1:] if words[:1] == ["ctx"] else words)


def _leaves(template: Any, words: Sequence[str]) -> Iterator[tuple[str, Path, Any]]:
    """Yield name, path and value of every leaf; positional arguments by the function's names."""
    if isinstance(template, dict):
        yield from walk(template)
        return
    for i, argument in enumerate(template):
        yield from walk(argument, words[i] if i < len(words) else f"input{i}", (i,))
