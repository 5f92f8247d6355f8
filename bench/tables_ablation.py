"""Ablations: our error and time without each ingredient in turn, on tables of bench/tables.py.

Results are kept as JSON, a file for each ingredient and table, and a run that ended goes on where
it was. An ingredient that a task does not have is not measured on its tables.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tables_compare import Result, geometric_mean, mean_error, ratio

from chainrule.tabular.designs import DESIGN_NAMES, INGREDIENTS, Recipe

WHOLE = "whole"  # the recipe with every ingredient
# Ingredients of one kind of target that are no designs.
OF_CLASSES, OF_NUMBERS = ("sparsity", "temperature"), ("clamp",)

Measure = Callable[[str, Sequence[str]], Result | None]


def applies(ingredient: str, task: str) -> bool:
    """Return whether the recipe for a task, "classes" or "regression", has an ingredient."""
    regression = task == "regression"
    if ingredient in DESIGN_NAMES:
        designs = Recipe.of().designs("regression" if regression else "binary")
        return ingredient in {design.name for design in designs}
    return ingredient not in (OF_CLASSES if regression else OF_NUMBERS)


def ablate(tasks: Mapping[str, str], folder: Path, measure: Measure) -> None:
    """Measure what is not there yet, and print the ratios to the whole recipe in Markdown.

    ``tasks``: the task of each table by its name.
    """
    results: dict[str, dict[str, Result]] = {}
    for name, task in tasks.items():
        for ingredient in (WHOLE, *INGREDIENTS):
            if ingredient != WHOLE and not applies(ingredient, task):
                continue
            without = () if ingredient == WHOLE else (ingredient,)
            result = _kept(folder / ingredient / f"{name}.json", name, without, measure)
            if result is not None:
                results.setdefault(ingredient, {})[name] = result
    whole = results.pop(WHOLE, {})
    print("| without | error, without / with | classes | numbers | worse on | time |")
    print("|---|---|---|---|---|---|")
    for ingredient, several in results.items():
        print(_line(ingredient, several, whole, tasks))
    print()
    for ingredient in results:
        print(f"- `{ingredient}`: {INGREDIENTS[ingredient]}")


def _kept(path: Path, name: str, without: Sequence[str], measure: Measure) -> Result | None:
    """Return the result in a file; measure it and write the file where there is none."""
    if path.exists():
        result: Result = json.loads(path.read_text())
        return result
    measured = measure(name, without)
    if measured is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(measured) + "\n")
        part.replace(path)
        print(f"{path.parent.name:18} {name:18} {mean_error(measured):.4f}", flush=True)
    return measured


def _line(
    ingredient: str,
    several: Mapping[str, Result],
    whole: Mapping[str, Result],
    tasks: Mapping[str, str],
) -> str:
    names = [name for name in several if name in whole]
    ratios = {name: ratio(several[name], whole[name]) for name in names}
    parts = [
        [one for name, one in ratios.items() if tasks[name] in kinds]
        for kinds in (("classes", "regression"), ("classes",), ("regression",))
    ]
    means = [geometric_mean(part) if part else "" for part in parts]
    worse = f"{sum(one > 1 for one in ratios.values())} of {len(names)}"
    times = [several[name]["seconds"] / whole[name]["seconds"] for name in names]
    time = f"{np.exp(np.mean(np.log(times))):.2f}" if times else ""
    return f"| `{ingredient}` | {' | '.join(means)} | {worse} | {time} |"
