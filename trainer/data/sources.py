"""The kinds of sources, and how each is read: data sets built into scikit-learn, files of columns, MNIST."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.reading import PLAIN, Reading, nearest
from trainer.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.cells import Mark
    from trainer.data.tables import Table

BUILT_IN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
IN_MEMORY = "memory:"
"""What begins the source of a study whose data were passed from Python (`trainer.data.memory`)."""

TABLE_ENDINGS = (".csv", ".tsv", ".parquet")
KINDS = f"{', '.join(BUILT_IN)}, a .csv, .tsv or .parquet file, or mnist:DIR"


def read(source: str, target: str | None = None, reading: Reading = PLAIN) -> Table:
    """The table of a source: a built-in name, a CSV, TSV or Parquet file with its label column, or mnist:DIR.

    Raises:
        DataError: there is no such source, file or column, or its labels can't be used.
    """
    if target is not None and (source in BUILT_IN or source.startswith("mnist:")):
        raise DataError(f"{source} knows its labels: leave out --target {target}")
    if source in BUILT_IN or source.startswith("mnist:"):
        reading.check_nameless(source)
    if source in BUILT_IN:
        return _built_in(source)
    if source.startswith("mnist:"):
        from trainer.data.mnist import read_mnist

        return read_mnist(Path(source.removeprefix("mnist:")))
    if source.startswith(IN_MEMORY):
        raise DataError(
            "these data were passed from Python and are in no file: pass them again there, "
            "with hpo.resume(NAME, X=X, y=y) or hpo.resume(NAME, X=frame)"
        )
    if re.match("[a-zA-Z][a-zA-Z0-9+]+:/", source):
        raise DataError(f"{source} is an address, and data are read from files: download it first")
    if has_columns(source):
        return _file(Path(source), target, reading)
    raise DataError(f"unknown source {source!r}: {nearest(source, BUILT_IN, f'give {KINDS}')}")


def has_columns(source: str) -> bool:
    """Whether a source is a file of columns, one of which is the label."""
    return source.lower().endswith(TABLE_ENDINGS)


def name_of(source: str) -> str:
    """The name of a study of this source, if its user does not choose one."""
    if source.startswith(IN_MEMORY):
        return source.removeprefix(IN_MEMORY)
    return source.partition(":")[0] if source.startswith("mnist:") else Path(source).stem


def _built_in(source: str) -> Table:
    import numpy as np
    from sklearn import datasets

    from trainer.data.tables import Table

    loaded = getattr(datasets, f"load_{source}")()
    if source == "diabetes":
        return Table(source, "regression", loaded.data, loaded.target.astype(float), None)
    classes = tuple(str(name) for name in loaded.target_names)
    return Table(source, "classification", loaded.data, loaded.target.astype(np.intp), classes)


def _file(path: Path, target: str | None, reading: Reading) -> Table:
    from trainer.data.frames import from_frame

    frame, mark = frame_of(path, target, needs_target=True)
    assert target is not None  # noqa: S101  # it is one of the columns
    return from_frame(path.stem, frame, target, str(path), reading, mark)


def frame_of(
    path: Path, target: str | None, *, needs_target: bool
) -> tuple[pd.DataFrame, Mark | None]:
    """The cells of a file, and the decimal mark of its columns that do not show theirs; None if it is not known.

    Raises:
        DataError: it can't be read, or has no column `target`, or there is none and it `needs_target`.
    """
    import pandas as pd

    from trainer.data.cells import decimal_mark
    from trainer.data.frames import text_columns

    if not path.is_file():
        raise DataError(f"no such file: {path}")
    is_csv = path.suffix.lower() != ".parquet"
    try:
        frame = _csv(path) if is_csv else pd.read_parquet(path)
    except pd.errors.ParserWarning:
        raise DataError(f"{path}: its rows have more cells than its first line") from None
    except ImportError:
        raise DataError(f"{path} needs the package pyarrow: pip install pyarrow") from None
    except (ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path} can't be read as a table: {reason}") from None
    columns = ", ".join(str(column) for column in frame.columns)
    if target is None and needs_target:
        raise DataError(f"{path}: say which column is the label with --target: {columns}")
    if target is not None and target not in frame.columns:
        raise DataError(
            f"{path} has no column {target!r}: "
            f"{nearest(target, map(str, frame.columns), f'its columns are {columns}')}"
        )
    if not is_csv:
        return frame, None
    floats = list(frame.select_dtypes("float").columns)
    usual: Mark = "," if _separator(path) == ";" and not floats else "."
    mark = decimal_mark(text_columns(frame), usual)
    # Which text pandas took for a missing label; and beside decimal commas, 1.234 may be no fraction.
    again = {target} if target is not None and frame[target].isna().any() else set()
    again |= set(floats) if mark == "," else set()
    for name, texts in _csv(path, as_text=again).items() if again else ():
        keep = frame[name].notna() & (mark == ".")
        frame[name] = frame[name].astype("object").where(keep, texts)
    return frame, mark


def _csv(path: Path, *, as_text: Collection[str] | None = None) -> pd.DataFrame:
    """A file of columns, or some of its columns as the text that they are."""
    import pandas as pd

    with warnings.catch_warnings():
        # Where rows have more cells than the header, pandas would leave out the last cell or take the first for a name.
        warnings.simplefilter("error", pd.errors.ParserWarning)
        return pd.read_csv(
            path,
            sep=_separator(path),
            encoding="utf-8-sig",
            skipinitialspace=True,
            na_values=["?"]
            if as_text is None
            else [],  # how the UCI collection writes a missing value
            keep_default_na=as_text is None,
            dtype=None if as_text is None else "object",
            usecols=None if as_text is None else as_text.__contains__,
            index_col=False,
            low_memory=False,  # in pieces, a column could be numbers in one and text in another
        )


def _separator(path: Path) -> str:
    """What separates the columns: a tab in a .tsv, else what the first line has most of."""
    if path.suffix.lower() == ".tsv":
        return "\t"
    with path.open(encoding="utf-8-sig") as file:
        first = file.readline()
    return max(",;\t|", key=first.count)
