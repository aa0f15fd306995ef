"""Delimited text: files of rows whose cells are separated by a character, read by pandas.

A file is read in pieces, which take little memory beside their cells, and a whole file is its pieces joined. pandas
decides piece by piece what the cells of a column are. Where it decides in two ways, the column is read again, as it
would be in one piece: neither its cells nor the fingerprint of a table depend on the pieces.
"""

from __future__ import annotations

import csv
import sys
import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pandas as pd

from trainer.data.characters import checked, encoding_of, head_of, text_of
from trainer.data.layout import HEADER_HINT, Layout
from trainer.data.sniffing import NO_CHARACTER, Sniffed, cells_of_any_size, sniffed, widths_of
from trainer.errors import DataError

CELLS = 2_000_000  # of a piece of a whole file
ROWS = 50_000  # of a piece, where a column is read again
MISSING = (
    "?",
)  # how the UCI collection writes a missing value, beside the words that pandas knows
EXACT = 2**53  # a larger whole number may not be exact as a float

TO_TEXT, TO_NUMBERS = "text", "numbers"  # what a column has to be read again for

TEXT = pd.Series(["text"]).dtype
"""What pandas takes a column of text for."""


def layout_of(
    path: Path, *, encoding: str | None = None, header: bool = True, likely: Layout | None = None
) -> Sniffed:
    """How a file holds its cells: as it shows, or else as the `likely` layout says.

    Raises:
        DataError: it can't be read, or it is no text.
    """
    head, is_all = head_of(path)
    likely_encoding = None if likely is None else likely.encoding
    taken = checked(encoding) if encoding else encoding_of(path, head, likely_encoding)
    with text_of(path, taken) as file:
        text = file.read(len(head))
    tabs = path.name.lower().removesuffix(".gz").endswith(".tsv")
    found = sniffed(text, is_all, header=header, tabs=tabs, likely=likely)
    if not found.width:
        raise DataError(f"{path} is empty")
    decimal = "." if likely is None else likely.decimal
    return replace(found, layout=replace(found.layout, encoding=taken, decimal=decimal))


def pieces(
    path: Path, layout: Layout, rows: int, as_text: Collection[str] = ()
) -> Iterator[pd.DataFrame]:
    """The rows of a file, so many at a time, as pandas takes their cells; `as_text` names columns that stay text.

    With decimal commas, all columns but those of whole numbers stay text, since 1.234 may be no fraction.

    Raises:
        DataError: rows differ in how many cells they have, or the file can't be read.
    """
    commas = layout.decimal == ","
    kinds = str if commas else {_in_pandas(name, layout): str for name in as_text}
    are_checked = layout.separator == ""
    for piece in _read(path, layout, rows, dtype=kinds, na_values=MISSING):
        # pandas fills rows that are too short with missing cells, and tells nobody.
        if not are_checked and piece.iloc[:, -1].isna().any():
            _check_rows(path, layout)
            are_checked = True
        if commas:
            others = {name: column for name, column in piece.items() if name not in as_text}
            piece = piece.assign(**{str(n): _whole_numbers(c) for n, c in others.items()})
        yield piece


def whole(path: Path, layout: Layout, width: int) -> pd.DataFrame:
    """All rows of a file, of so many cells each, as pandas takes them.

    Raises:
        DataError: as `pieces`.
    """
    reader = pieces(path, layout, max(1, CELLS // width))
    beginning = [*islice(reader, 2)]
    if len(beginning) < 2:
        return beginning[0] if beginning else pd.DataFrame()
    all_pieces = chain(beginning, reader)
    del beginning  # the parts alone keep the columns, until they are joined
    parts: dict[str, list[pd.Series[Any]]] = {}
    for piece in all_pieces:
        for name, column in piece.items():
            parts.setdefault(str(name), []).append(column)
    joined = {name: _joined(parts.pop(name)) for name in [*parts]}
    if text := [name for name, column in joined.items() if column is TO_TEXT]:
        joined |= texts(path, layout, text)
    if odd := [name for name, column in joined.items() if column is TO_NUMBERS]:
        joined |= _columns(_read(path, layout, sys.maxsize, odd, na_values=MISSING), odd)
    return pd.DataFrame(joined, copy=False)


def texts(
    path: Path, layout: Layout, names: Collection[str], *, missing: bool = True
) -> dict[str, pd.Series[Any]]:
    """Some columns of a file as the text that they are.

    Text that means a missing value is missing, unless `missing` is False: then it is text, too, and so is nothing.
    """
    options: dict[str, Any] = {"dtype": str, "na_values": MISSING}
    if not missing:
        options = {"dtype": "object", "na_values": [], "keep_default_na": False}
    return _columns(_read(path, layout, ROWS, names, **options), names)


def notes(path: Path, found: Sniffed, frame: pd.DataFrame, *, asked: bool) -> list[str]:
    """What the user should know of how a file was read, unless the encoding was `asked` for that it has."""
    layout, said = found.layout, []
    if layout.encoding != "utf-8" and not asked:
        said.append(f"its text is taken for {layout.encoding}; --encoding says that it is another")
    if layout.comments:
        lines = "line" if layout.comments == 1 else f"{layout.comments} lines"
        said.append(f"the {lines} at its beginning that begin with # are taken for comments")
    if layout.quote == "'":
        said.append("single quotes around cells are taken away")
    if layout.row_names:
        said.append(
            "its header is one cell shorter than its rows, whose first cells are taken for their names"
        )
    if found.data_in_header:
        said.append(HEADER_HINT)
    if layout.header:
        names = [name for name in frame.columns if _is_made(name, frame.columns)]
        twice = [name for name in names if not name.startswith("Unnamed: ")]
        if twice:
            said.append(f"columns of the same name are called {', '.join(map(repr, twice))}")
        if nameless := [name for name in names if name not in twice]:
            said.append(f"columns without a name are called {', '.join(map(repr, nameless))}")
    return [f"{path}: {one}" for one in said]


def _is_made(name: str, names: Collection[str]) -> bool:
    """Whether pandas made the name of a column, as it does for the second one of a name."""
    before, _, number = name.rpartition(".")
    return (number.isdecimal() and before in names) or name.startswith("Unnamed: ")


def _columns(pieces: Iterable[pd.DataFrame], names: Iterable[str]) -> dict[str, pd.Series[Any]]:
    parts: dict[str, list[pd.Series[Any]]] = {name: [] for name in names}
    for piece in pieces:
        for name, columns in parts.items():
            columns.append(piece[name])
    return {name: pd.concat(columns) for name, columns in parts.items()}


def _read(
    path: Path, layout: Layout, rows: int, names: Collection[str] | None = None, **options: Any
) -> Iterator[pd.DataFrame]:
    """What pandas reads, all columns or those of the `names`, by their names."""
    if names is not None and not layout.row_names:
        only = {_in_pandas(name, layout) for name in names}
        options["usecols"] = only.__contains__ if layout.header else sorted(only)
    with _explained(path, layout), text_of(path, layout.encoding) as file:
        for _ in range(layout.skipped):
            file.readline()
        with (
            pd.read_csv(
                file,
                sep=layout.separator or NO_CHARACTER,
                quotechar=layout.quote,
                skipinitialspace=True,
                header=0 if layout.header else None,
                # The first cells become the index where the header is shorter, else this would be an error.
                index_col=None if layout.row_names else False,
                low_memory=False,  # in pieces of its own, a column could be numbers in one and text in another
                chunksize=rows,
                **options,
            ) as reader
        ):
            before = 0
            for piece in reader:
                piece.columns = piece.columns.map(str)
                piece.index = pd.RangeIndex(before, before + len(piece))
                before += len(piece)
                yield piece


def _in_pandas(name: str, layout: Layout) -> str | int:
    """The name that pandas has for a column: without a header, its position."""
    return name if layout.header or not name.isdecimal() else int(name)


def _whole_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """A column of text as whole numbers, if it is nothing else, as pandas takes it."""
    if column.isna().any() or not column.str.fullmatch(r"[+-]?\d{1,18}").all():
        return column
    return column.astype("int64")


def _joined(columns: Sequence[pd.Series[Any]]) -> pd.Series[Any] | str:
    """The pieces of a column as one, or how it has to be read again."""
    if len(columns) == 1:
        return columns[0]
    kinds = {*map(_kind, columns)}
    present = kinds - {"missing"}
    if len(kinds) > 1 and ("uint64" in kinds or ("int64" in kinds and _largest(columns) > EXACT)):
        return TO_NUMBERS
    if len(present) > 1 and present & {"string", "boolean"}:
        return TO_TEXT
    if present == {"string"}:
        columns = [column.astype(TEXT) for column in columns]
    whole: pd.Series[Any] = pd.concat(columns)
    return whole


def _kind(column: pd.Series[Any]) -> str:
    """What the cells of a column are, of a piece of it."""
    if column.isna().all():
        return "missing"
    is_number = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    return str(column.dtype) if is_number else pd.api.types.infer_dtype(column, skipna=True)


def _largest(columns: Sequence[pd.Series[Any]]) -> float:
    """The largest whole number."""
    integers = [column for column in columns if pd.api.types.is_integer_dtype(column)]
    return max(float(column.abs().max()) for column in integers)


@contextmanager
def _explained(path: Path, layout: Layout) -> Iterator[None]:
    """Errors of pandas in the terms of the file."""
    try:
        with warnings.catch_warnings():
            # Where rows have more cells than the header, pandas would leave out the last cell.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
    except pd.errors.EmptyDataError:
        raise DataError(f"{path} is empty") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning) as error:
        reason = (str(error).splitlines() or ["it can't be taken apart"])[0]
        _check_rows(path, layout, is_open="EOF inside string" in reason)
        raise DataError(f"{path} can't be read as a table: {reason}") from None


def _check_rows(path: Path, layout: Layout, *, is_open: bool = False) -> None:
    """Look for a row with more or fewer cells than the first one, or for the last one if its quotes are open.

    Raises:
        DataError: there is one.
    """
    expected, begins = 0, 0
    try:
        with cells_of_any_size(), text_of(path, layout.encoding) as file:
            for _ in range(layout.skipped):
                file.readline()
            for line, width in widths_of(file, layout.separator, layout.quote):
                begins = layout.skipped + line
                if not expected:
                    expected = width + layout.row_names
                elif width != expected and not is_open:
                    first = "as its header has" if layout.header else "as its first row has"
                    if layout.row_names:
                        first = "one more than its header has"
                    raise DataError(
                        f"{path}, line {begins}: {width} cell{'s' * (width != 1)}, "
                        f"but {expected} are expected, {first}"
                    )
    except csv.Error:
        return  # pandas takes it
    if is_open:
        raise DataError(f"{path}, line {begins}: a quote begins there and does not end")
