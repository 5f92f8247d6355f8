"""The live line of training on a terminal: epochs, cost, validation cost and metric."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any

from ..tables.settings import Choices
from ..training import History
from ..training.progress import last_epoch


class Live:
    """A context that draws the line while training calls it after every epoch.

    It draws nothing unless ``wanted`` and standard error is a terminal.
    """

    def __init__(self, wanted: bool) -> None:
        self._epochs: int | None = None
        self.wanted = wanted and sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Live:
        return self

    def watch(self, choices: Choices) -> Live:
        """Take the number of epochs from the choices; return what to call after each."""
        self._epochs = choices.epochs
        return self

    def __call__(self, network: Any, history: History) -> None:
        """Show the last epoch."""
        if not self.wanted:
            return
        if self._bar is None:
            self._start()
        self._bar.update(self._task, completed=history.epochs, numbers=last_epoch(history))

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        self._bar = Progress(
            TextColumn("epoch"),
            MofNCompleteColumn(),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[numbers]}"),
            TimeRemainingColumn(compact=True),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("", total=self._epochs, numbers="")
        self._bar.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
