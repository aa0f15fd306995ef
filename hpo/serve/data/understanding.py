"""What a process of the pool does with an uploaded file: is it small enough when it is unpacked, and what is in it?

Nothing here knows the service. The current folder becomes that of the file, so that errors and notes have its name and
no path of the server.
"""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from studies.words import finite
from trainer.data.files import NPZ, PARQUET
from trainer.errors import DataError

CHUNK = 1 << 20
SHORT = 100  # characters of a text in a column that are kept among the facts


def understood(folder: str, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The facts of a file (`hpo.inspecting.inspect`), as fields of a plan say that it is to be understood.

    Raises:
        PlanError: a field breaks its rule.
        DataError: the file can't be read or used.
    """
    from hpo.inspecting import inspect
    from hpo.plan.plan import make_plan

    with contextlib.chdir(folder):
        facts = dict(inspect(make_plan({**fields, "source": name})))
    for column in facts.get("described", ()):
        if "commonest" in column:
            column["commonest"] = {
                text if len(text) <= SHORT else f"{text[:SHORT]}…": count
                for text, count in column["commonest"].items()
            }
    plain: dict[str, Any] = finite(facts)
    return plain


def received(folder: str, name: str, rows: int, unpacked: int) -> dict[str, Any]:
    """The facts of a file that has just come, if it has at most so many rows, and bytes when it is unpacked.

    Raises:
        DataError: it has more, or it can't be read.
    """
    with contextlib.chdir(folder):
        _check_size(Path(name), rows, unpacked)
    facts = understood(folder, name, {})
    _check_rows(name, facts["rows"], rows)
    return facts


def _check_size(path: Path, rows: int, limit: int) -> None:
    """Check the size of a file before it is read. At most `limit` bytes are unpacked."""
    if path.suffix == PARQUET:
        from trainer.data.parquet import sizes

        count, size = sizes(path)
        _check_rows(str(path), count, rows)
    elif path.suffix == NPZ:
        # NumPy reads no more of an array than the size that the archive says it has.
        try:
            with zipfile.ZipFile(path) as archive:
                size = sum(member.file_size for member in archive.infolist())
        except (OSError, zipfile.BadZipFile, ValueError) as error:
            raise DataError(f"{path} can't be read as .npz: {error}") from None
    else:
        from trainer.data.characters import opened

        size = 0
        with opened(path) as file:
            while size <= limit and (chunk := file.read(CHUNK)):
                size += len(chunk)
    if size > limit:
        raise DataError(f"{path} has more than {limit:,} bytes when it is unpacked")


def _check_rows(name: str, rows: int, limit: int) -> None:
    if rows > limit:
        raise DataError(f"{name} has {rows:,} rows, and the limit is {limit:,}")
