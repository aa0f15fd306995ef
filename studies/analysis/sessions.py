"""When trials ran: the stretches in which at least one did, and the pauses of a search that was stopped and resumed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from studies.analysis.frames import Floats

MIN_PAUSE = 30.0  # seconds: between batches a search also draws, writes, and confirms settings
MIN_SHARE = 0.05  # of the time that trials ran: a shorter pause need not be cut out


@dataclass(frozen=True)
class Times:
    """When trials ran, in seconds since the first began, with and without the pauses.

    sessions: (begin, end) on the clock; a session ends if nothing runs for longer than the shortest pause.
    """

    origin: pd.Timestamp
    sessions: list[tuple[float, float]]

    @property
    def ran(self) -> float:
        """How long it took without the pauses, in seconds."""
        return sum(end - begin for begin, end in self.sessions)

    @property
    def pauses(self) -> list[tuple[float, float]]:
        """(after how many seconds of running, how many seconds long) for each pause."""
        pauses, ran = [], 0.0
        for (begin, end), (following, _) in zip(self.sessions, self.sessions[1:], strict=False):
            ran += end - begin
            pauses.append((ran, following - end))
        return pauses

    def running(self, at: Floats) -> Floats:
        """Seconds on the clock as seconds of running, without the pauses before."""
        begins = np.array([begin for begin, _ in self.sessions])
        lengths = np.array([end - begin for begin, end in self.sessions])
        before = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
        k = np.clip(np.searchsorted(begins, at, side="right") - 1, 0, None)
        return np.asarray(before[k] + np.minimum(at - begins[k], lengths[k]), float)


def spans(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that began, with `begin` and `end` in seconds since the first began.

    A trial that has not ended lasts until the last known moment.
    """
    began = trials[trials["started"].notna()].sort_values("number")
    origin = began["started"].min()
    begin = (began["started"] - origin).dt.total_seconds()
    end = (began["finished"] - origin).dt.total_seconds()
    latest = max(begin.max(), end.max()) if end.notna().any() else begin.max()
    end = end.fillna(latest).clip(lower=begin)  # in case the clock was put back
    return began.assign(begin=begin.astype(float), end=end.astype(float))


def times(ran_trials: pd.DataFrame, origin: pd.Timestamp) -> Times:
    """The sessions of trials with `begin` and `end`."""
    order = ran_trials.sort_values("begin")
    begin, end = order["begin"].to_numpy(float), order["end"].to_numpy(float)
    until = np.maximum.accumulate(end)
    idle = begin[1:] - until[:-1]
    ran = float(until[-1] - begin[0] - np.clip(idle, 0, None).sum())
    cuts = np.flatnonzero(idle > max(MIN_PAUSE, MIN_SHARE * ran))
    first = [0, *(cuts + 1)]
    last = [*cuts, len(begin) - 1]
    return Times(
        origin, [(float(begin[a]), float(until[b])) for a, b in zip(first, last, strict=True)]
    )
