"""A table before anybody has said which of its columns is the label."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.data.reading import Reading
from trainer.data.sources import file_contents

if TYPE_CHECKING:
    import pandas as pd

    from trainer.data.cells import Mark


def unlabelled(source: str, reading: Reading) -> dict[str, Any]:
    """The facts of a file's columns, as `trainer.data.overview.overview` has them, all as if they were features.

    Raises:
        DataError: the file can't be read or used.
    """
    made, _, mark = file_contents(Path(source), None, reading)
    facts = without_target(made.frame, source, reading, mark)
    return facts | {"notes": [*made.notes, *facts["notes"]]}


def without_target(
    frame: pd.DataFrame, where: str, reading: Reading, mark: Mark | None = None
) -> dict[str, Any]:
    """The same of a DataFrame."""
    from trainer.data.frames import features_of, mark_of
    from trainer.data.overview import of_columns
    from trainer.data.remarks import of_columns as remarks

    reading.check_columns(where, map(str, frame.columns), None)
    frame = frame.drop(columns=list(reading.drop)).reset_index(drop=True)
    found = features_of(frame, where, reading, mark_of(frame, where, mark))
    left_out = dict.fromkeys(reading.drop, "dropped") | dict.fromkeys(found.empty, "empty")
    facts = of_columns([u.column for u in found.columns], [u.values for u in found.columns])
    return {
        "rows": len(frame),
        "columns": len(found.columns),
        **facts,
        "left_out": left_out,
        "notes": remarks(where, found.columns, len(frame)),
    }
