"""Frames as files: CSV, JSON lines, Parquet, with every digit of every number."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from studies.engine import StoreError

if TYPE_CHECKING:
    import pandas as pd


def to_csv(frame: pd.DataFrame) -> bytes:
    """Comma-separated, UTF-8, lists as JSON, an empty cell for what is missing."""
    lists = {c: frame[c].map(_list_as_json) for c in frame.columns if frame[c].dtype == object}
    return frame.assign(**lists).to_csv(index=False, lineterminator="\n").encode()


def to_json_lines(frame: pd.DataFrame) -> bytes:
    """One JSON object a line; null for what is missing, ISO 8601 for times, ±1e999 for the infinities."""
    rows = frame.astype(object).to_dict("records")
    lines = (", ".join(f"{json.dumps(str(k))}: {_as_json(v)}" for k, v in r.items()) for r in rows)
    return "".join(f"{{{line}}}\n" for line in lines).encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet, with types; lists as JSON, since their items differ in type, and so do mixed choices as text.

    Raises:
        StoreError: the package pyarrow is not installed.
    """
    plain = frame.copy()
    for name, column in frame.items():
        if column.dtype == object:
            plain[name] = column.map(_list_as_json)
        elif _is_mixed(column):
            plain[name] = column.astype(object).map(str, na_action="ignore")
    file = io.BytesIO()
    try:
        plain.to_parquet(file, index=False)
    except ImportError:
        raise StoreError("Parquet needs the package pyarrow: pip install 'hpo[parquet]'") from None
    return file.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file at once: whatever happens meanwhile, there is all of the new content, or what was there before."""
    path = path.resolve()  # what a link points to is replaced, not the link
    if path.exists() and not path.is_file():  # a pipe or a device; a folder, which says what it is
        path.write_bytes(content)
        return
    unfinished = path.with_name(f".hpo-{os.getpid()}.part")
    try:
        unfinished.write_bytes(content)
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


def _list_as_json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _is_mixed(column: pd.Series[Any]) -> bool:
    import pandas as pd

    if not isinstance(column.dtype, pd.CategoricalDtype):
        return False
    return len({type(choice) for choice in column.cat.categories}) > 1


def _as_json(value: Any) -> str:
    import pandas as pd

    if isinstance(value, list):
        return json.dumps(value)
    if pd.isna(value):
        return "null"
    if isinstance(value, float) and math.isinf(value):  # no word of JSON's, but a number for all
        return "1e999" if value > 0 else "-1e999"
    return json.dumps(value.isoformat() if isinstance(value, pd.Timestamp) else value)
