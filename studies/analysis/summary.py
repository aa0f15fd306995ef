"""What a study says, as plain numbers: the object that `hpo search --json` and `hpo show --json` print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from studies.database.engine import masked
from studies.database.records import (
    ENDED,
    Direction,
    Finalist,
    Opening,
    Round,
    StudyRecord,
    Trial,
    TrialState,
)

MIN_TRIALS = 4  # whose order says anything
PREDICTS = 0.5  # a rank correlation below this is hardly one


def front(trials: Iterable[Trial], directions: Sequence[Direction]) -> list[Trial]:
    """Of a study with several objectives, the complete trials that no other beats in one without losing in another."""
    signs = [-1.0 if direction == "maximize" else 1.0 for direction in directions]
    costs = [
        (
            t,
            [
                sign * (math.nan if v is None else v)
                for sign, v in zip(signs, t.values, strict=True)
            ],
        )
        for t in trials
        if t.state == "complete" and t.values
    ]

    def beats(one: list[float], other: list[float]) -> bool:
        return one != other and all(a <= b for a, b in zip(one, other, strict=True))

    return [t for t, cost in costs if not any(beats(other, cost) for _, other in costs)]


class Agreement(NamedTuple):
    """How well the order of trials after `epoch` epochs agrees with that after `later`, from -1 to 1 (Spearman)."""

    epoch: int
    later: int
    trials: int
    correlation: float


def rank_agreement(
    scores: Mapping[int, Mapping[int, float]], epochs: Sequence[int]
) -> list[Agreement]:
    """Whether short training predicts long training: each of `epochs` (rising) against the next, over the trials that
    got there; fewer than 4 tell nothing. `scores` has those after each of the epochs, by the trials' numbers.
    """
    from scipy import stats

    found = []
    for epoch, later in pairwise(epochs):
        both = [(scores[epoch][k], late) for k, late in scores[later].items() if k in scores[epoch]]
        early, late = zip(*both, strict=True) if both else ((), ())
        if len(both) >= MIN_TRIALS and len(set(early)) > 1 and len(set(late)) > 1:
            correlation = float(stats.spearmanr(early, late).statistic)
            found.append(Agreement(epoch, later, len(both), correlation))
    return found


def _directions(record: StudyRecord) -> dict[str, Any]:
    if record.several:  # there is no one direction in which a trial could be the best
        return {"direction": None, "directions": list(record.directions)}
    return {"direction": record.direction}


def summarize(
    record: StudyRecord,
    url: str,
    counts: Mapping[TrialState, int],
    best: Trial | None,
    rounds: Sequence[Round],
    epochs_trained: int,
    finalists: Sequence[Finalist],
    params: Mapping[int, Mapping[str, Any]],
    opening: Opening | None,
) -> dict[str, Any]:
    """The study as one JSON-ready object; see the README for its fields. `params` are those of the finalists."""
    confirmed = [
        {
            "trial": f.trial,
            "params": params[f.trial],
            "mean": f.mean,
            "ci95": None if f.ci95 is None else list(f.ci95),
            "values": f.values,
            "tied": f.tied,
        }
        for f in finalists
    ]
    first = confirmed[0] if confirmed and confirmed[0]["mean"] is not None else None
    ranges = (rounds[-1].next_ranges or rounds[-1].ranges) if rounds else {}
    return {
        "study": record.name,
        "storage": masked(url),
        "state": record.state,
        "metric": record.metric,
        **_directions(record),
        "seed": record.plan["seed"] if record.plan else None,
        "trials": {state: counts.get(state, 0) for state in ENDED},
        "epochs_trained": epochs_trained,
        "best": None
        if best is None
        else {"trial": best.number, "value": best.value, "params": best.params},
        "rounds": [
            {"round": r.round, "ranges": r.ranges, "verdicts": r.verdicts or {}} for r in rounds
        ],
        "ranges": ranges,
        "finalists": confirmed,
        "recommended": None
        if first is None
        else {key: first[key] for key in ("trial", "params", "mean", "ci95")},
        "test": None
        if opening is None or opening.value is None
        else {
            "metric": record.metric,
            "value": opening.value,
            "opened_at": opening.opened.isoformat(timespec="seconds") + "Z",
        },
    }
