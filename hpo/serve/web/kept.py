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
    until: float
    content: T


class Kept(Generic[T]):
    """The last thing of each key; the one that was used longest ago is forgotten first.

    A thing is rendered anew when its version is another, but not within `seconds`, nor within `rest` times as long as
    rendering took: so of a study that changes all the time, it takes at most that share of a core. While one caller
    renders, the others get the old thing, and wait only where there is none.
    """

    def __init__(self, most: int, *, seconds: float = 0.0, rest: float = 0.0) -> None:
        self._most, self._seconds, self._rest = most, seconds, rest
        self._things: OrderedDict[Hashable, _Thing[T]] = OrderedDict()
        self._lock = threading.Lock()
        self._rendering = [threading.Lock() for _ in range(LOCKS)]

    def get(self, key: Hashable, version: Callable[[], object], render: Callable[[], T]) -> T:
        """The thing of that key. Its version is asked for only when it may be rendered anew."""
        rendering = self._rendering[hash(key) % LOCKS]
        known = self._known(key)
        if known is not None and time.monotonic() < known.until:
            return known.content
        if known is None:
            rendering.acquire()
        elif not rendering.acquire(blocking=False):
            return known.content
        try:
            known = self._known(key)
            if known is not None and time.monotonic() < known.until:
                return known.content
            began = time.monotonic()
            current = version()
            same = known is not None and known.version == current
            content = known.content if known is not None and same else render()
            ended = time.monotonic()
            until = ended + max(self._seconds, 0.0 if same else self._rest * (ended - began))
            with self._lock:
                self._things[key] = _Thing(current, until, content)
                self._things.move_to_end(key)
                while len(self._things) > self._most:
                    self._things.popitem(last=False)
            return content
        finally:
            rendering.release()

    def _known(self, key: Hashable) -> _Thing[T] | None:
        with self._lock:
            if key in self._things:
                self._things.move_to_end(key)
            return self._things.get(key)
