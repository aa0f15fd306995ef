"""Answers that take long to make, such as a report: made once for all who ask meanwhile, and kept for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

BYTES = 64_000_000


class Cache:
    """The last answers by their keys, of at most so many bytes together. Any thread may use it."""

    def __init__(self, size: int = BYTES) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._made: OrderedDict[Hashable, bytes] = OrderedDict()
        self._under_way: dict[Hashable, threading.Lock] = {}

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """The answer of a key. It is made if it is not there; whoever asks meanwhile waits for it."""
        with self._lock:
            if key in self._made:
                self._made.move_to_end(key)
                return self._made[key]
            turn = self._under_way.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._made:
                    return self._made[key]
            try:
                answer = make()
            finally:
                with self._lock:
                    self._under_way.pop(key, None)
            with self._lock:
                self._made[key] = answer
                while sum(map(len, self._made.values())) > self._size and len(self._made) > 1:
                    self._made.popitem(last=False)
        return answer
