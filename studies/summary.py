"""What a study says, as plain numbers: the object that `hpo search --json` and `hpo show --json` print."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from studies.engine import masked
from studies.records import Round, StudyRecord, Trial


def best_trial(trials: Iterable[Trial], direction: Literal["maximize", "minimize"]) -> Trial | None:
    """The complete trial with the best finite value, the earliest of equals; None if there is none."""
    sign = -1.0 if direction == "maximize" else 1.0
    scored = (
        t
        for t in trials
        if t.state == "complete" and t.value is not None and math.isfinite(t.value)
    )
    return min(scored, key=lambda t: (sign * (t.value or 0.0), t.number), default=None)


def summarize(
    record: StudyRecord,
    url: str,
    trials: Sequence[Trial],
    rounds: Sequence[Round],
    epochs_trained: int,
) -> dict[str, Any]:
    """The study as one JSON-ready object; see the README for its fields."""
    best = best_trial(trials, record.direction)
    counts = dict.fromkeys(("complete", "pruned", "failed"), 0)
    for trial in trials:
        if trial.state in counts:
            counts[trial.state] += 1
    ranges = (rounds[-1].next_ranges or rounds[-1].ranges) if rounds else {}
    return {
        "study": record.name,
        "storage": masked(url),
        "state": record.state,
        "metric": record.metric,
        "direction": record.direction,
        "seed": record.plan["seed"] if record.plan else None,
        "trials": counts,
        "epochs_trained": epochs_trained,
        "best": None
        if best is None
        else {"trial": best.number, "value": best.value, "params": best.params},
        "rounds": [
            {"round": r.round, "ranges": r.ranges, "verdicts": r.verdicts or {}} for r in rounds
        ],
        "ranges": ranges,
        "finalists": [],
        "recommended": None,
        "test": None,
    }
