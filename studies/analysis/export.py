"""Frames as files: CSV, JSON lines, Parquet, with every digit of every number."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies import extras
from studies.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd


FORMULA = tuple("=+-@\t\r\n＝＋－＠")
"""First letters of text that a spreadsheet may take for a formula and run (OWASP, *CSV Injection*)."""


def to_csv(frame: pd.DataFrame) -> bytes:
    """Comma-separated, UTF-8, lists as JSON, an empty cell for what is missing.

    Text that a spreadsheet would run as a formula gets an apostrophe in front, the spreadsheets' own mark of text. Text
    that begins with an apostrophe gets another one, so that it can be read back.
    """
    safe = frame.copy(deep=False)
    for name, column in frame.items():
        if column.dtype == object or _is_text(column):
            safe[name] = _plain(column).astype(object).map(_harmless, na_action="ignore")
    safe.columns = [_harmless(str(name)) for name in frame.columns]
    return safe.to_csv(index=False, lineterminator="\n").encode()


def to_json_lines(frame: pd.DataFrame) -> bytes:
    """One JSON object a line; null for what is missing, ISO 8601 for times, ±1e999 for the infinities."""
    rows = frame.astype(object).to_dict("records")
    lines = (", ".join(f"{json.dumps(str(k))}: {_as_json(v)}" for k, v in r.items()) for r in rows)
    return "".join(f"{{{line}}}\n" for line in lines).encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet, with types; lists as JSON, since their items differ in type, and choices of several types as text.

    Raises:
        StoreError: the package pyarrow is not installed.
    """
    plain = frame.copy()
    for name, column in frame.items():
        plain[name] = _plain(column)
    file = io.BytesIO()
    try:
        plain.to_parquet(file, index=False)
    except ImportError:
        raise StoreError(
            f"Parquet needs the package pyarrow: {extras.command('parquet')}"
        ) from None
    return file.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once: whatever happens meanwhile, it has all of the new content, or what it had before."""
    with replacing(path) as unfinished:
        unfinished.write_bytes(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write to, which takes the place of `path` when all is written, and is gone if that fails."""
    path = path.resolve()  # the file that a link points to is replaced, not the link
    if (
        path.exists() and not path.is_file()
    ):  # a pipe or a device; a folder fails with a clear error
        yield path
        return
    unfinished = path.with_name(f".hpo-{os.getpid()}.part")
    try:
        yield unfinished
        if path.exists():
            shutil.copymode(path, unfinished)
        unfinished.replace(path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": to_csv,
    "json": to_json_lines,
    "parquet": to_parquet,
}


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """Lists as JSON, choices of several types as text; as JSON if only that can tell 1 from "1"."""
    if column.dtype == object:
        return column.map(lambda value: json.dumps(value) if isinstance(value, list) else value)
    if not _is_mixed(column):
        return column
    choices = column.cat.categories
    alike = len(set(map(str, choices))) < len(choices)
    return column.astype(object).map(json.dumps if alike else str, na_action="ignore")


def _is_text(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return isinstance(column.dtype, pd.CategoricalDtype) and any(
        isinstance(choice, str) for choice in column.cat.categories
    )


def _is_mixed(column: pd.Series[Any]) -> bool:
    import pandas as pd

    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return len({type(choice) for choice in column.cat.categories}) > 1


def _harmless(value: Any) -> Any:
    if not isinstance(value, str) or not value.startswith((*FORMULA, "'")):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value  # a spreadsheet takes -1 for a number, too


def _as_json(value: Any) -> str:
    import pandas as pd

    if isinstance(value, list):
        return json.dumps(value)
    if pd.isna(value):
        return "null"
    if isinstance(value, float) and math.isinf(
        value
    ):  # JSON has no infinity, but any reader takes this for one
        return "1e999" if value > 0 else "-1e999"
    return json.dumps(value.isoformat() if isinstance(value, pd.Timestamp) else value)
