"""The kinds of sources, and how each is read: data sets built into scikit-learn, files of columns, MNIST."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.data.files import (
    Contents,
    contents,
    is_table,
    is_text,
    name_of_file,
    with_mark,
)
from trainer.data.layout import HEADER_HINT
from trainer.data.reading import PLAIN, Reading, nearest
from trainer.errors import DataError

if TYPE_CHECKING:
    from trainer.data.cells import Mark
    from trainer.data.tables import Table

BUILT_IN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
IN_MEMORY = "memory:"
"""What begins the source of a study whose data were passed from Python (`trainer.data.memory`)."""

OPENML = "openml:"
"""What begins the source of a data set of openml.org."""

KINDS = (
    f"{', '.join(BUILT_IN)}, a .csv, .tsv, .txt (all also with .gz), .parquet or .npz file, "
    "openml:NAME, or mnist:DIR"
)
SHOWN = 30  # names of columns in a message


def read(source: str, target: str | None = None, reading: Reading = PLAIN) -> Table:
    """The table of a source: a built-in name, a file with its label column, openml:NAME, or mnist:DIR.

    Without a header, columns are called 0, 1 and so on, and `target` can also count from the end: -1 is the last one.

    Raises:
        DataError: there is no such source, file or column, or its labels can't be used.
    """
    if not is_text(source):
        check_no_text(source, reading)
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
            "as in hpo.resume(NAME, X=X, y=y) or hpo.train(NAME, X=frame)"
        )
    if re.match("[a-zA-Z][a-zA-Z0-9+]+:/", source):
        raise DataError(f"{source} is an address, and data are read from files: download it first")
    if source.startswith(OPENML):
        return _openml(source, target, reading)
    if is_table(source):
        return _file(Path(source), target, reading)
    raise DataError(f"unknown source {source!r}: {nearest(source, BUILT_IN, f'give {KINDS}')}")


def name_of(source: str) -> str:
    """The name of a study of this source, if its user does not choose one."""
    if source.startswith(IN_MEMORY):
        return source.removeprefix(IN_MEMORY)
    if source.startswith(OPENML):
        return source.removeprefix(OPENML)
    return source.partition(":")[0] if source.startswith("mnist:") else name_of_file(source)


def check_no_text(source: str, reading: Reading) -> None:
    """Check that nothing is asked for that only a file of text has.

    Raises:
        DataError: an encoding, or no header.
    """
    for option in ["--encoding"] * (reading.encoding is not None) + ["--no-header"] * (
        not reading.header
    ):
        raise DataError(f"{source} is no file of text: leave out {option}")


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

    made, label, mark = file_contents(path, target, reading)
    label = _needed(str(path), made, label)
    table = from_frame(name_of_file(str(path)), made.frame, label, str(path), reading, mark)
    return replace(table, notes=(*made.notes, *table.notes), layout=made.layout)


def file_contents(
    path: Path, target: str | None, reading: Reading
) -> tuple[Contents, str | None, Mark | None]:
    """What a file holds, its label column if one is named, and the decimal mark of columns that do not show theirs.

    Raises:
        DataError: it can't be read, or has no column `target`.
    """
    made = contents(path, encoding=reading.encoding, header=reading.header)
    label = _label(str(path), made, target, by_position=not reading.header)
    if made.layout is None:
        return made, label, None
    made, mark = with_mark(path, made, label, reading.version)
    return made, label, mark


def _openml(source: str, target: str | None, reading: Reading) -> Table:
    from trainer.data.frames import from_frame
    from trainer.data.openml import fetched

    name = source.removeprefix(OPENML)
    frame, own, notes = fetched(name)
    made = Contents(frame, label=own)
    label = _needed(source, made, _label(source, made, target))
    table = from_frame(name, frame, label, source, reading)
    return replace(table, notes=(*notes, *table.notes))


def _label(
    where: str, made: Contents, target: str | None, *, by_position: bool = False
) -> str | None:
    """The column of the labels: the one asked for, else that of the file; without a header also by its position."""
    names = list(made.frame.columns)
    if target is None:
        return made.label
    if by_position and re.fullmatch(r"-\d+", target) and int(target) >= -len(names):
        return str(names[int(target)])
    if target not in names:
        known = f"its columns are {_listed(made)}"
        raise DataError(f"{where} has no column {target!r}: {nearest(target, names, known)}")
    return target


def _needed(where: str, made: Contents, label: str | None) -> str:
    if label is None:
        raise DataError(f"{where}: say which column is the label with --target: {_listed(made)}")
    return label


def _listed(made: Contents) -> str:
    names = list(made.frame.columns)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN + 1 else ""
    hint = f" ({HEADER_HINT})" if made.data_in_header else ""
    return ", ".join(names[:SHOWN] if more else names) + more + hint
