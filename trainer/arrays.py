"""Arrays that begin where a cache line does.

NumPy's own begin 16 bytes after one, so every second load of 32 bytes touches two lines. Aligned, a pass over a stack
that fits the cache takes two thirds of the time. Results do not depend on it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

LINE = 64  # bytes of a cache line

BUFFER = 8192
"""NumPy's buffer, in numbers. If two rows fit into it, NumPy copies what is broadcast over them through the buffer, and
takes twice the time."""


def empty(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of a shape and dtype, with whatever is in memory there."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + LINE, np.uint8)
    start = -memory.ctypes.data % LINE
    return memory[start : start + size].view(dtype).reshape(shape)


def zeros_like(array: Array) -> Array:
    """Zeros of an array's shape and dtype."""
    zeros = empty(array.shape, array.dtype)
    zeros.fill(0)
    return zeros


def rows(array: Array, positions: NDArray[np.intp], into: Array | None = None) -> Array:
    """A copy of the rows of an array (K, …) at some positions; in the first rows of `into`, if there is one."""
    if into is None:
        into = empty((len(positions), *array.shape[1:]), array.dtype)
    copy = into[: len(positions)]
    return np.take(array, positions, axis=0, out=copy, mode="clip")  # "raise" would copy once more


def even_slices(count: int, most: int) -> list[slice]:
    """As few slices of at most `most` as will do, all of nearly the same size, the largest first."""
    parts = np.array_split(np.arange(count), -(-count // most))
    return [slice(int(part[0]), int(part[-1]) + 1) for part in parts]
