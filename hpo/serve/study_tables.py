"""Pages of a study's tables as JSON, CSV and Parquet, made of the frames that `hpo export` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from studies.database import columns
from studies.database.columns import Curves
from studies.database.selection import Selection, numbers
from studies.database.store import Store, open_store

if TYPE_CHECKING:
    import pandas as pd

Table = Literal["trials", "epochs", "rounds", "finalists"]
Format = Literal["json", "csv", "parquet"]
FIGURES = (
    "history", "ranges", "importance", "scatter", "single", "parallel", "curves", "gap", "agreement",
    "finalists", "divergence", "timeline", "history_by_epochs",
)  # fmt: skip
"""The names of `studies.plots.study_plots.Plots.each`, which takes a second to import."""


def page(
    store: Store,
    name: str,
    table: Table,
    format_: Format,
    selection: Selection,
    limit: int,
    offset: int,
) -> tuple[bytes, bool]:
    """A page of a table of the study of that name, and whether more comes after it.

    `limit` and `offset` count rows; of `epochs`, the trials whose epochs they are.

    Raises:
        studies.errors.StoreError: there is no such study; or Parquet can't be written here.
    """
    from studies.analysis import export

    with store.reading():
        frame, more = _frame(store, name, table, selection, limit, offset)
    written = export.FORMATS[format_](frame)
    if format_ == "json":  # from an object a line to one array
        written = b"[" + b",\n".join(written.splitlines()) + b"]\n"
    return written, more


def page_of(url: str, *arguments: object) -> tuple[bytes, bool]:
    """The same in a process of the pool."""
    with open_store(url) as store:
        return page(store, *arguments)  # type: ignore[arg-type]  # those of `page`


def report(url: str, name: str, shown: str) -> bytes:
    """The report of a study in which the storage is called `shown`, in a process of the pool."""
    from studies.study import Study

    return Study(name, shown, url).report().encode()


def figure(url: str, name: str, which: str) -> bytes:
    """A figure of a study as SVG, in a process of the pool."""
    from studies.plots import svg
    from studies.study import Study

    return svg(Study(name, url).plot.each()[which]())


def _frame(
    store: Store, name: str, table: Table, selection: Selection, limit: int, offset: int
) -> tuple[pd.DataFrame, bool]:
    from studies.analysis import frames, summary

    study_id = store.study(name).study_id
    if table in ("rounds", "finalists"):
        if table == "rounds":
            frame = frames.rounds_frame(store.rounds(study_id))
        else:
            read = summary.summarize(store, name)
            frame = frames.finalists_frame(read.finalists, read.searched)
        return frame.iloc[offset : offset + limit], len(frame) > offset + limit
    selected = numbers(store, study_id, selection, limit=limit + 1, offset=offset)
    among = selected[:limit]
    if table == "trials":
        frame = frames.trials_frame(columns.trial_columns(store, study_id, among=among))
        frame = frame.set_index("number", drop=False).loc[among]
    else:
        curves = columns.curves(store, study_id, among=among)
        known = {curve.metric for curve in curves}
        none = np.zeros(0, np.int64)
        missing = [
            Curves(m, none, none, np.zeros(0))
            for m in columns.metrics(store, study_id)
            if m not in known
        ]
        frame = frames.epochs_frame(sorted([*curves, *missing], key=lambda curve: curve.metric))
    return frame, len(selected) > limit
