"""Iterating ahead: a thread that works on the next items while the last are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any, Final

AHEAD: Final = 1


class OneAhead(Iterator[Any]):
    """Iterates over ``source`` on another thread, ``AHEAD`` items ahead of who takes them.

    It begins at once. What the source raises is raised where its next item would have come. To be
    closed when no more is wanted; then the thread has ended.
    """

    def __init__(self, source: Iterator[Any]) -> None:
        self._waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=AHEAD)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(source,), daemon=True)
        self._thread.start()

    def _work(self, source: Iterator[Any]) -> None:
        try:
            for item in source:
                if not self._put((True, item)):
                    return
            self._put((False, None))
        except BaseException as error:
            self._put((False, error))

    def _put(self, item: tuple[bool, Any]) -> bool:
        while not self._stopped.is_set():
            try:
                self._waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def __next__(self) -> Any:
        if self._stopped.is_set():
            raise StopIteration
        more, item = self._waiting.get()
        if more:
            return item
        self.close()
        raise StopIteration if item is None else item

    def close(self) -> None:
        """End the thread, after the item it is at."""
        self._stopped.set()
        self._thread.join()
