"""The page of the notes: their 2-2-1 network on XOR, from the first heading to tldr."""

from __future__ import annotations

from ..network import Network
from .assets import words
from .page import Page, explain

TITLE = "Backpropagation: the notes, alive"
XOR = ([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [0, 1, 1, 0])


def notes_page(at: str = "", language: str = "en") -> Page:
    """Return a page of the notes' binary classification with one hidden layer, not trained yet.

    It opens at the first chapter, or at the state ``at``, and trains in the page.
    Source: the notes, "Coding Backward Propagation".
    """
    net = Network([2, 2, 1], hidden="sigmoid", output="sigmoid", seed=3, dtype="float64")
    X, y = XOR
    return explain(
        net,
        X,
        y,
        inputs=["x1", "x2"],
        outputs=["x1 xor x2"],
        row=1,
        first_row=1,
        title=words(language).get(TITLE, TITLE),
        training={"optimizer": "gradient_descent", "learning_rate": 2.0},
        at=at or "chapter=1",
        language=language,
    )
