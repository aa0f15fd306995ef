"""Frames as files: CSV, JSON lines, Parquet, with every digit of every number."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from studies.engine import StoreError

if TYPE_CHECKING:
    import pandas as pd


def to_csv(frame: pd.DataFrame) -> bytes:
    """Comma-separated, UTF-8, lists as JSON, an empty cell for what is missing."""
    lists = {c: frame[c].map(_list_as_json) for c in frame.columns if frame[c].dtype == object}
    return frame.assign(**lists).to_csv(index=False, lineterminator="\n").encode()


def to_json_lines(frame: pd.DataFrame) -> bytes:
    """One JSON object a line; null for what is missing, ISO 8601 for times."""
    rows = frame.astype(object).to_dict("records")
    lines = [json.dumps({str(k): _plain(v) for k, v in row.items()}) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Parquet, with types.

    Raises:
        StoreError: the package pyarrow is not installed.
    """
    file = io.BytesIO()
    try:
        frame.to_parquet(file, index=False)
    except ImportError:
        raise StoreError("Parquet needs the package pyarrow: pip install 'hpo[parquet]'") from None
    return file.getvalue()


FORMATS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "csv": to_csv,
    "json": to_json_lines,
    "parquet": to_parquet,
}


def _list_as_json(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    import pandas as pd

    if isinstance(value, list):
        return value
    if pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, pd.Timestamp) else value
