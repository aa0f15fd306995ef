"""Parquet: a file of columns with their types, read by pyarrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from trainer.errors import DataError


def whole(path: Path) -> pd.DataFrame:
    """All rows of a file.

    Raises:
        DataError: there is no such file, it is no Parquet, or pyarrow is missing.
    """
    with _explained(path):
        frame = pd.read_parquet(path)
    return frame.set_axis(frame.columns.map(str), axis="columns")


def sizes(path: Path) -> tuple[int, int]:
    """How many rows a file has, and how many bytes its columns have when they are unpacked, by its own account.

    Raises:
        DataError: as `whole`.
    """
    with _explained(path):
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as file:
            facts = file.metadata
            groups = (facts.row_group(k) for k in range(facts.num_row_groups))
            return facts.num_rows, sum(group.total_byte_size for group in groups)


def pieces(path: Path, rows: int, as_text: Collection[str] = ()) -> Iterator[pd.DataFrame]:
    """The rows of a file, at most so many at a time; `as_text` names columns that become text.

    Raises:
        DataError: as `whole`.
    """
    with _explained(path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        before = 0
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(rows):
                table = pa.Table.from_batches([batch])
                # Whole numbers with a gap become floats in pandas, so they are taken for text before.
                text = {name: _texts(table[name]) for name in as_text if name in table.column_names}
                piece = table.to_pandas()
                piece.columns = piece.columns.map(str)
                for name, column in text.items():
                    piece[name] = column.set_axis(piece.index)
                piece.index = pd.RangeIndex(before, before + len(piece))
                before += len(piece)
                yield piece


def _texts(column: Any) -> pd.Series[Any]:
    cells = [None if cell is None else str(cell) for cell in column.to_pylist()]
    return pd.Series(cells, dtype=object).astype(pd.Series(["text"]).dtype)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Errors of pyarrow in the terms of the file."""
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file")
    if not path.is_file():
        raise DataError(f"no such file: {path}")
    try:
        yield
    except ImportError:
        raise DataError(f"{path} needs the package pyarrow: pip install pyarrow") from None
    except (ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} can't be read as Parquet: {reason}") from None
