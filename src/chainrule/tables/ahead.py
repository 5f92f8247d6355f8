"""Iterating ahead: a thread that works on the next items while the last are used."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from typing import Any, Final

AHEAD: Final = 1


def one_ahead(source: Iterator[Any]) -> Generator[Any, None, None]:
    """Iterate over ``source`` on another thread, ``AHEAD`` items ahead of who takes them."""
    waiting: queue.Queue[tuple[bool, Any]] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def put(item: tuple[bool, Any]) -> bool:
        while not stopped.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in source:
                if not put((True, item)):
                    return
            put((False, None))
        except BaseException as error:
            put((False, error))

    def taken() -> Generator[Any, None, None]:
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            while True:
                more, item = waiting.get()
                if more:
                    yield item
                    continue
                if item is not None:
                    raise item
                return
        finally:
            stopped.set()
            thread.join()

    return taken()
