"""NumPy's archives: a file .npz of named arrays, without pickle.

An array `X` (N, I), whose columns are called x0, x1 and so on, comes with its labels `y` (N,). Without `X`, each array
of the commonest length is a column by its name, or several columns if it has two dimensions.
"""

from __future__ import annotations

import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trainer.arrays import Array
from trainer.errors import DataError

LABELS = "y"
"""The label column of an archive with X, unless another is asked for."""


def whole(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The columns of an archive, and notes on what was taken for them.

    Raises:
        DataError: there is no such file, it is no archive, it needs pickle, or it has no table.
    """
    arrays = _arrays(path)
    lengths = Counter(len(array) for array in arrays.values() if 0 < array.ndim <= 2)
    if "X" in arrays:
        rows = len(arrays["X"]) if arrays["X"].ndim else 0
    else:
        rows = max(lengths, key=lambda length: (lengths[length], length), default=0)
    columns: dict[str, Array] = {}
    taken, others = [], []
    for name, array in arrays.items():
        if not array.ndim or len(array) != rows or (array.ndim > 2 and name != "X"):
            others.append(f"{name} {array.shape}")
            continue
        if name == "X" and array.ndim > 2:
            array = array.reshape(rows, -1)
        taken.append(f"{name} {array.shape}")
        if array.ndim == 1 or (name == LABELS and array.shape[1] == 1):
            columns[name] = array.reshape(rows)
        else:
            prefix = "x" if name == "X" else name
            columns |= {f"{prefix}{i}": array[:, i] for i in range(array.shape[1])}
    if not rows or not columns:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items()) or "nothing"
        raise DataError(
            f"{path} has no table: arrays of one length are needed, and it has {shapes}"
        )
    notes = [f"{path}: the arrays {', '.join(taken)} are taken for its columns"]
    if others:
        notes[0] += f", and {', '.join(others)} are left out"
    return pd.DataFrame({name: _cells(array) for name, array in columns.items()}), notes


def pieces(path: Path, rows: int, as_text: Collection[str] = ()) -> Iterator[pd.DataFrame]:
    """The rows of an archive, which is read whole, so many at a time; `as_text` names columns that become text."""
    frame, _ = whole(path)
    names = [name for name in as_text if name in frame.columns]
    frame = frame.assign(**{name: frame[name].map(str, na_action="ignore") for name in names})
    for start in range(0, len(frame), rows):
        yield frame.iloc[start : start + rows]


def _arrays(path: Path) -> dict[str, Array]:
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    arrays: dict[str, Array] = {}
    name = ""
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if isinstance(archive, np.ndarray):
                raise DataError(f"{path} is one array and no archive: save it by numpy.savez")
            for name in archive.files:
                arrays[name] = archive[name]
    except ValueError as error:
        if "pickle" not in str(error).lower():
            raise DataError(f"{path} can't be read as .npz: {error}") from None
        which = f"the array {name!r} holds" if name else "it holds"
        raise DataError(
            f"{path}: {which} Python objects, which are read by pickle, and pickle runs what is in a file: "
            "save numbers or text"
        ) from None
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} can't be read as .npz: {reason}") from None
    return arrays


def _cells(array: Array) -> Any:
    """An array as a column of a frame: bytes are text."""
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
