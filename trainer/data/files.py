"""Files of tables: delimited text, Parquet and NumPy's archives, each read whole or in pieces."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.layout import Layout
from trainer.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.cells import Mark

PARQUET, NPZ = ".parquet", ".npz"
OF_TEXT = (".csv", ".tsv", ".txt")
ENDINGS = (*OF_TEXT, *(f"{ending}.gz" for ending in OF_TEXT), PARQUET, NPZ)


@dataclass(frozen=True)
class Contents:
    """The rows of a file, and what was taken for them.

    `layout` is that of a file of text. `label` is the column that has the labels unless another is asked for.
    """

    frame: pd.DataFrame
    layout: Layout | None = None
    notes: tuple[str, ...] = ()
    label: str | None = None
    data_in_header: bool = False


def is_table(source: str) -> bool:
    """Whether a source is a file of a table, by its name."""
    return source.lower().endswith(ENDINGS)


def is_text(source: str) -> bool:
    """Whether it is one of text, which has an encoding and a header."""
    return source.lower().removesuffix(".gz").endswith(OF_TEXT)


def name_of_file(source: str) -> str:
    """The name of a file without its folder and its endings."""
    name = Path(source).name
    return Path(name[:-3] if name.lower().endswith(".gz") else name).stem


def contents(path: Path, *, encoding: str | None = None, header: bool = True) -> Contents:
    """A whole file of a table; the options are those of `pieces`.

    Raises:
        DataError: it can't be read, or has no rows.
    """
    ending = path.suffix.lower()
    if ending == PARQUET:
        from trainer.data import parquet

        made = Contents(parquet.whole(path))
    elif ending == NPZ:
        from trainer.data import npz

        frame, notes = npz.whole(path)
        label = npz.LABELS if {npz.LABELS, "x0"} <= {*frame.columns} else None
        made = Contents(frame, notes=tuple(notes), label=label)
    else:
        from trainer.data import delimited

        found = delimited.layout_of(path, encoding=encoding, header=header)
        frame = delimited.whole(path, found.layout, found.width)
        notes = delimited.notes(path, found, frame, asked=encoding is not None)
        made = Contents(frame, found.layout, tuple(notes), data_in_header=found.data_in_header)
    if not len(made.frame):
        raise DataError(f"{path} has {'a header and ' if header else ''}no rows")
    return made


def with_mark(
    path: Path, made: Contents, target: str | None, version: int
) -> tuple[Contents, Mark]:
    """The contents of a file of text, beside whose decimal mark 1.234 may be no fraction, and that mark.

    Labels are text where pandas took their text for a missing value: only all labels tell whether it is. In version 1
    of how tables are understood, all fractions were read again as text, and differed in the last bit.
    """
    from trainer.data import delimited
    from trainer.data.cells import decimal_mark
    from trainer.data.frames import text_columns

    frame, layout = made.frame, made.layout
    assert layout is not None  # noqa: S101  # the file is of text
    floats = list(frame.select_dtypes("float").columns)
    usual: Mark = "," if layout.separator == ";" and not floats else "."
    mark = decimal_mark(text_columns(frame), usual)
    if version > 1:
        floats = [name for name in floats if _may_be_grouped(frame[name])]
    if mark == "," and floats:
        frame = frame.assign(**delimited.texts(path, layout, floats))
    if target is not None and frame[target].isna().any():
        labels = delimited.texts(path, layout, [target], missing=False)[target]
        frame = frame.assign(
            **{target: frame[target].astype("object").where(frame[target].notna(), labels)}
        )
    return replace(made, frame=frame, layout=replace(layout, decimal=mark)), mark


def _may_be_grouped(numbers: pd.Series[float]) -> bool:
    """Whether the point in each of these numbers may be a mark between thousands: three digits follow it."""
    import numpy as np

    thousandths = numbers.dropna().to_numpy(float) * 1000
    with np.errstate(invalid="ignore"):  # infinite ones are no such numbers
        return bool((np.abs(thousandths - np.round(thousandths)) < 1e-6).all())


def pieces(
    path: str | Path,
    *,
    encoding: str | None = None,
    header: bool | None = None,
    like: Layout | None = None,
    rows: int = 100_000,
    as_text: Collection[str] = (),
) -> Iterator[pd.DataFrame]:
    """The rows of a file of a table in its order, at most so many at a time, in frames with names of columns as text.

    The index of a frame counts the rows of the file from 0. Memory is bounded by a piece, or by a row group of Parquet;
    an .npz is read whole. The cells are those that reading the whole file gives. Only what kind a column has follows
    from its cells in the piece: one of numbers is text in a piece where a cell is none, such as `-`.

    Args:
        path: of a .csv, .tsv or .txt, each also with .gz, a .parquet or an .npz.
        encoding: of a file of text; without it, the file tells.
        header: whether the first row of a file of text has the names of the columns; without it, as in `like`, or else
            it has. If it has not, columns are called 0, 1, 2 and so on.
        like: the layout of the file that a model was trained on (`Table.layout`). It holds where this file does not
            tell its own: its encoding if it is no Unicode, its separator if rows differ; and its decimal mark.
        rows: of a piece, at the most.
        as_text: columns whose cells are the text that they are, or missing. A category 7 is '7', not 7.0 because
            another cell is missing. Names that the file does not have are ignored.

    Raises:
        DataError: the file can't be read, has no rows, or a row has more or fewer cells than the first one. Pieces
            before that row may have been yielded.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == PARQUET:
        from trainer.data import parquet

        made = parquet.pieces(path, rows, as_text)
    elif ending == NPZ:
        from trainer.data import npz

        made = npz.pieces(path, rows, as_text)
    elif path.name.lower().endswith(ENDINGS):
        from trainer.data import delimited

        has_header = header if header is not None else like is None or like.header
        found = delimited.layout_of(path, encoding=encoding, header=has_header, likely=like)
        made = delimited.pieces(path, found.layout, rows, as_text)
    else:
        raise DataError(
            f"{path} is no file of a table: its name has to end in {', '.join(ENDINGS)}"
        )
    count = 0
    for piece in made:
        count += len(piece)
        if len(piece):
            yield piece
    if not count:
        raise DataError(f"{path} has no rows")
