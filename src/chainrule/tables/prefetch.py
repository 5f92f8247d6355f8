"""Iterating ahead: a thread that works on the next items while the last are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any


class Ahead(Iterator[Any]):
    """Iterates over ``source`` on another thread, keeping up to ``items`` ready for the consumer.

    It begins at once; the source is asked for one item more whenever one is taken. What it raises
    is raised where its next item would have come. To be closed when no more is wanted; then the
    thread has ended.
    """

    def __init__(self, source: Iterator[Any], items: int = 1) -> None:
        self._items: queue.SimpleQueue[tuple[bool, Any]] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(items)
        self._stopped = False
        self._thread = threading.Thread(target=self._work, args=(source,), daemon=True)
        self._thread.start()

    def _work(self, source: Iterator[Any]) -> None:
        try:
            self._wanted.acquire()
            while not self._stopped:
                self._items.put((True, next(source)))
                self._wanted.acquire()
        except StopIteration:
            self._items.put((False, None))
        except BaseException as error:
            self._items.put((False, error))

    def __next__(self) -> Any:
        if self._stopped:
            raise StopIteration
        more, item = self._items.get()
        if more:
            self._wanted.release()
            return item
        self.close()
        raise StopIteration if item is None else item

    def close(self) -> None:
        """End the thread, after the item it is at."""
        self._stopped = True
        self._wanted.release()
        self._thread.join()
