"""Frames and summaries of trials and curves that a test lists one by one."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from studies.analysis.frames import epochs_frame, trials_frame
from studies.analysis.summary import Summary
from studies.database.columns import Curves, TrialColumns
from studies.database.records import StudyRecord, Trial


def frame_of(trials: Sequence[Trial], epochs: Mapping[int, int]) -> pd.DataFrame:
    """The trials frame of these trials; `epochs` is how many each was trained."""
    names = dict.fromkeys(name for t in trials for name in t.params)
    return trials_frame(
        TrialColumns(
            [t.number for t in trials],
            [t.state for t in trials],
            [t.value for t in trials],
            [t.started for t in trials],
            [t.finished for t in trials],
            [epochs.get(t.number, 0) for t in trials],
            {name: [t.params.get(name) for t in trials] for name in names},
            [t.attributes.get("round") for t in trials],
            [t.attributes.get("diverged_epoch") for t in trials],
            [t.attributes.get("error") for t in trials],
        )
    )


def epochs_of(curves: Sequence[tuple[int, str, list[float]]]) -> pd.DataFrame:
    """The epochs frame of these curves: (trial, metric, points)."""
    made = []
    for metric in dict.fromkeys(metric for _, metric, _ in curves):
        mine = [(number, points) for number, name, points in curves if name == metric]
        made.append(
            Curves(
                metric,
                np.array([number for number, _ in mine], np.int64),
                np.array([len(points) for _, points in mine], np.int64),
                np.array([point for _, points in mine for point in points], float),
            )
        )
    return epochs_frame(made)


def summary_of(record: StudyRecord, trials: Sequence[Trial] = (), **fields: Any) -> Summary:
    """The summary of a study with these trials; finalists get their trials' settings."""
    sign = -1.0 if record.direction == "maximize" else 1.0
    scored = [
        t
        for t in trials
        if t.state == "complete" and t.value is not None and math.isfinite(t.value)
    ]
    params = {t.number: t.params for t in trials}
    finalists = [replace(f, params=params[f.trial]) for f in fields.pop("finalists", ())]
    given: dict[str, Any] = {"storage": "sqlite:///s.db", "epochs_trained": 12} | fields
    return Summary(
        **given,
        record=record,
        trials=Counter(t.state for t in trials),
        best=min(scored, key=lambda t: sign * (t.value or 0.0), default=None),
        searched={t.number: t.value for t in scored if t.value is not None},
        finalists=finalists,
    )
