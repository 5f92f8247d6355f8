"""The cases of ``field_cases`` and ``field_right``, in the form of this gallery."""

from __future__ import annotations

import re

from field_cases import CASES
from field_right import CASES as RIGHT

from gallery.doors import pair
from gallery.record import Case, Gallery

gallery = Gallery("field")
# The diagnosis that each must be given, by the words that name it.
WORDS = {
    "1/√d": "√d",
    "missing 1/m": "1/m",
    "entries in another order": "in another order",
    "wrong argument": "swapped|that of",
    "one row for all": "first row|first sample",
    "one of two uses missing": "used twice",
    "f' of another approximation": "gelu",
    "softmax treated as elementwise": "own (entry|score) alone",
    "factor 2": "2 × ",
    "f' missing": "f'",
    "rows overwritten": "overwr|add",
    "gradient missing": "left out|None",
    "symmetric or triangular": "symmetr|triang|diagonal",
    "solve without transpose": r"A\.T belongs|transpos",
    "W transposed": r"A\.T belongs|transpos",
    "log parameter": "log",
    "mask missing": "mask",
    "softmax's sum": "softmax",
}


def wrong_case(case):
    def make(rng):
        J, wrong, _, p = case.make(rng)
        settings = dict(case.settings)
        if "X" in p:
            settings["X"] = p["X"]
            p = {name: value for name, value in p.items() if name != "X"}
        return pair(J, wrong, p, **settings)

    says = WORDS.get(case.bug, re.escape(case.bug))
    return Case(case.id, "field", case.link, False, make, "", says)


def right_case(case):
    return Case(
        case.id, "field", case.link, True, lambda rng: pair(*case.make(rng)), "", case.note,
        case.decided,
    )  # fmt: skip


for each in CASES:
    if "#" in each.link:
        gallery.add(wrong_case(each))
for each in RIGHT:
    gallery.add(right_case(each))
