"""Aligned arrays hold what NumPy's own hold, and begin where a cache line does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer import arrays

FLOATS = [np.dtype("float32"), np.dtype("float64")]


def aligned(array: NDArray[Any]) -> bool:
    return array.ctypes.data % arrays.LINE == 0 and array.flags.c_contiguous


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(1,), (3, 5), (2, 3, 7)])
def test_an_array_has_its_shape_and_dtype_and_can_be_written(
    shape: tuple[int, ...], dtype: np.dtype[Any]
) -> None:
    for _ in range(20):  # NumPy's own are aligned now and then
        array = arrays.empty(shape, dtype)
        assert (array.shape, array.dtype) == (shape, dtype)
        assert aligned(array)
        array[...] = 1
        assert array.sum() == array.size
        zeros = arrays.zeros_like(array)
        assert aligned(zeros)
        np.testing.assert_array_equal(zeros, np.zeros(shape, dtype))


@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_are_a_copy_of_those_rows(dtype: np.dtype[Any]) -> None:
    array = np.arange(24, dtype=dtype).reshape(4, 3, 2)
    taken = arrays.rows(array, np.array([0, 3]))
    assert aligned(taken)
    np.testing.assert_array_equal(taken, array[[0, 3]])
    taken[:] = 0
    assert array[3].sum() > 0
