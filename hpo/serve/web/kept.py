"""What was rendered last is kept, so that a thousand viewers of one study cost as much as one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

LOCKS = 64  # keys share them, so that their number is bounded


class _Thing(NamedTuple, Generic[T]):
    version: object
    looked: float
    content: T


class Kept(Generic[T]):
    """The last thing of each key; the one that was used longest ago is forgotten first.

    For `seconds` after somebody has looked whether it is still the same, nobody looks again. While one caller renders
    a new one, the others get the old one, and wait only where there is none.
    """

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._things: OrderedDict[Hashable, _Thing[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._rendering = [threading.Lock() for _ in range(LOCKS)]

    def get(self, key: Hashable, version: Callable[[], object], render: Callable[[], T]) -> T:
        """The thing of that key. It is rendered anew if its version is not the one that it had."""
        rendering = self._rendering[hash(key) % LOCKS]
        known = self._known(key)
        if known is not None and self._is_new(known):
            return known.content
        if known is None:
            rendering.acquire()
        elif not rendering.acquire(blocking=False):
            return known.content
        try:
            known = self._known(key)
            if known is not None and self._is_new(known):
                return known.content
            current = version()
            same = known is not None and known.version == current
            content = known.content if known is not None and same else render()
            with self._lock:
                self._things[key] = _Thing(current, time.monotonic(), content)
                self._things.move_to_end(key)
                while len(self._things) > self._most:
                    self._things.popitem(last=False)
            return content
        finally:
            rendering.release()

    def _known(self, key: Hashable) -> _Thing[T] | None:
        with self._lock:
            return self._things.get(key)

    def _is_new(self, thing: _Thing[T]) -> bool:
        return time.monotonic() - thing.looked < self._seconds
