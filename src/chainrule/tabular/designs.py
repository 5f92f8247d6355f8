"""Designs: the networks that an ensemble may be made of, and the constants of their training."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType
from typing import Final

from ..mathematics.names import unknown
from .inputs import Task

# Constants were chosen on the tables of ``CHOSEN_ON`` in bench/tables_data.py, and on no other.
# With one wide design a table that wants more units, as weather does, takes it. Against 128 units
# throughout and three designs kept: 1.001 times the error, 0.47 times the time (12 tables).
NARROW: Final = (64, 64)
WIDE: Final = (128, 128)
LEARNING_RATE: Final = 0.003
# A run takes at most so many updates, but at least so many epochs, in batches of a twelfth of the
# rows within these limits. Few runs get there: the held-out rows say when to stop.
UPDATES, FEWEST_EPOCHS = 3000, 15
SMALLEST_BATCH, LARGEST_BATCH, BATCHES = 32, 256, 12
# Epochs without a lower loss on the held-out rows, after which a run ends.
PATIENCE: Final = 16
# The parameters looked at are a mean over epochs: each step keeps this share of the mean so far.
MEMORY: Final = 0.8
# All designs are tried on the first fold; so many of them go on to the others.
KEPT: Final = 2


@dataclass(frozen=True, slots=True)
class Design:
    """One kind of network: its layers, whether it takes bins, and how it is held back.

    ``prior``, ``sparsity``: strengths of the L2 and L1 penalty; over m rows they stand, divided by
    m, beside the mean cost. ``dropout``: of the hidden layers.
    """

    name: str
    bins: bool
    activation: str
    prior: float
    sparsity: float
    dropout: float
    hidden: tuple[int, ...] = NARROW


# Whether for numbers -> name, bins, activation, prior, sparsity, dropout. Numbers mostly have less
# noise than classes, and want a smaller prior.
_DESIGNS: Final[Mapping[bool, tuple[Design, ...]]] = MappingProxyType(
    {
        True: (
            Design("bent", False, "relu", 1.0, 0.0, 0.05),
            Design("bent_held", False, "relu", 10.0, 0.0, 0.0),
            Design("smooth", False, "silu", 0.3, 0.0, 0.0),
            Design("binned", True, "relu", 1.0, 0.0, 0.05, WIDE),
            Design("binned_smooth", True, "silu", 0.3, 0.0, 0.05),
            Design("additive", True, "relu", 1.0, 0.0, 0.0, ()),
        ),
        False: (
            Design("bent", False, "relu", 6.0, 0.0, 0.3),
            Design("sparse", False, "relu", 0.0, 1.5, 0.1),
            Design("binned", True, "relu", 4.0, 0.0, 0.2, WIDE),
            Design("binned_held", True, "relu", 20.0, 0.0, 0.3),
            Design("binned_sparse", True, "relu", 0.0, 2.0, 0.2),
            Design("additive", True, "relu", 3.0, 0.0, 0.0, ()),
        ),
    }
)

DESIGN_NAMES: Final = tuple(sorted({d.name for several in _DESIGNS.values() for d in several}))

# What can be left out, for ablations and to save time: the name and what it stands for.
INGREDIENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "bins": "piecewise-linear places of numbers, and every design that takes them",
        "sparsity": "every design with an L1 penalty (classes)",
        "bent": "networks of relu on the columns alone",
        "bent_held": "the same, with a stronger prior (numbers)",
        "smooth": "networks of silu on the columns alone (numbers)",
        "sparse": "networks of relu on the columns alone, with an L1 penalty (classes)",
        "binned": "networks of relu on columns and bins",
        "binned_held": "the same, with a stronger prior (classes)",
        "binned_smooth": "networks of silu on columns and bins (numbers)",
        "binned_sparse": "networks of relu on columns and bins, with an L1 penalty (classes)",
        "additive": "sums of functions of one column each",
        "target_statistics": "the mean target of each word of a column of many words",
        "choice": "the choice of designs on the first fold (without: all go on)",
        "blend": "the designs' weights by out-of-fold loss (without: equal weights)",
        "average": "the mean of parameters over epochs (without: those of one epoch)",
        "temperature": "the calibration of probabilities (classes)",
        "clamp": "numbers predicted stay in the range seen (numbers)",
    }
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to train: every ingredient but those left out."""

    without: frozenset[str] = frozenset()

    @classmethod
    def of(cls, without: Collection[str] = ()) -> Recipe:
        """Return the recipe without some ingredients.

        Raises ValueError for a name that no ingredient has, and if no design is left.
        """
        for name in without:
            if name not in INGREDIENTS:
                raise unknown("ingredient", name, list(INGREDIENTS))
        recipe = cls(frozenset(without))
        if not (recipe.designs("regression") and recipe.designs("binary")):
            raise ValueError("without leaves no design: keep one of bent, binned, additive")
        return recipe

    def has(self, ingredient: str) -> bool:
        """Return whether an ingredient is used."""
        return ingredient not in self.without

    def designs(self, task: Task) -> tuple[Design, ...]:
        """Return the designs to try."""
        return tuple(
            design
            for design in _DESIGNS[task == "regression"]
            if self.has(design.name)
            and (self.has("bins") or not design.bins)
            and (self.has("sparsity") or not design.sparsity)
        )

    @property
    def kept(self) -> int:
        """Return how many designs go on after the first fold."""
        return KEPT if self.has("choice") else len(INGREDIENTS)


def batch_size_of(m: int) -> int:
    """Return the batch size for m rows to train on."""
    return min(m, max(SMALLEST_BATCH, min(LARGEST_BATCH, ceil(m / BATCHES))))


def epochs_of(m: int) -> int:
    """Return how many epochs a run on m rows takes at most."""
    return max(FEWEST_EPOCHS, ceil(UPDATES / ceil(m / batch_size_of(m))))
