"""MNIST, or what is stored as it is: four IDX files in a folder, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.tables import Table
from trainer.errors import DataError


def read_mnist(folder: Path) -> Table:
    """The images as rows of pixels, 0 … 255; those of the t10k files are the test rows."""
    images, labels = zip(*(_part(folder, name) for name in ("train", "t10k")), strict=True)
    if images[0].shape[1] != images[1].shape[1]:
        raise DataError(f"{folder}: the train and the t10k images are not of one size")
    rows = np.concatenate(images)
    digits = np.concatenate(labels).astype(np.intp)
    test = np.arange(len(images[0]), len(rows))
    classes = tuple(str(digit) for digit in range(int(digits.max()) + 1))
    return Table("mnist", "classification", rows, digits, classes, test)


def _part(folder: Path, name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    images = _idx(folder, f"{name}-images-idx3-ubyte", 3)
    labels = _idx(folder, f"{name}-labels-idx1-ubyte", 1)
    if len(images) != len(labels):
        raise DataError(f"{folder}: {len(images)} {name} images but {len(labels)} labels")
    return images.reshape(len(images), -1), labels


def _idx(folder: Path, name: str, dimensions: int) -> NDArray[np.uint8]:
    """One IDX file: magic number 0x0000 08 dd, then dd sizes as big-endian int32, then bytes."""
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            break
    else:
        raise DataError(f"mnist:{folder}: no file {name}.gz or {name} there")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} can't be read: {reason}") from None
    start = 4 + 4 * dimensions
    if content[:4] != bytes((0, 0, 8, dimensions)) or len(content) < start:
        raise DataError(f"{path} is not an IDX file of {dimensions} dimensions of bytes")
    shape = struct.unpack(f">{dimensions}i", content[4:start])
    array = np.frombuffer(content, np.uint8, offset=start)
    if min(shape) < 1 or array.size != math.prod(shape):
        promised = " × ".join(map(str, shape))
        raise DataError(f"{path} holds {array.size} bytes where its head promises {promised}")
    return array.reshape(shape)
