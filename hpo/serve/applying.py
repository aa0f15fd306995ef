"""What a process of the pool does with a model: its facts, predictions, and the same model as an ONNX file.

The current folder becomes that of the rows, so that errors and notes have the file's name and no path of the server.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from trainer.errors import DataError

CHUNK = 1 << 20


def facts(model: str) -> dict[str, Any]:
    """What a model is (`hpo.models.facts_of`)."""
    from hpo.models import facts_of
    from studies.words import finite
    from trainer.model_file import load

    known: dict[str, Any] = finite(facts_of(load(model)))
    return known


def predict(model: str, folder: str, table: str, output: str, rows: int) -> list[str]:
    """Write predictions for the rows of a file of text in a folder to another one there; returns notes.

    Raises:
        DataError: the rows can't be used, or there are too many.
    """
    from hpo.predicting import predict_file

    with contextlib.chdir(folder):
        lines = 0
        with Path(table).open("rb") as file:
            while chunk := file.read(CHUNK):
                lines += chunk.count(b"\n")
        if lines > rows + 1:  # one is the header
            raise DataError(f"{table} has {lines:,} lines, and the limit is {rows:,} rows")
        notes = [*predict_file(Path(model), Path(table), Path(output))]
    return notes[:-1]  # the last one says where they were written


def write_onnx(model: str, folder: str, output: str) -> None:
    """Write a model as an ONNX file in a folder.

    Raises:
        DataError: a package that this needs is not installed.
    """
    from hpo.models import check_output, write
    from trainer.model_file import load

    with contextlib.chdir(folder):
        check_output(Path(output))
        write(load(model), Path(output))
