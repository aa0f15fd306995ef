"""Why a search ends before its last trial: its time is over, or its rounds brought less than the noise."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpo.plan.plan import Plan
from hpo.run.history import History

if TYPE_CHECKING:
    from studies.database.records import Confirmation

REPEATS = 4
"""How often the best setting of the first rounds is trained again, for the noise that `patience` is compared with."""


def reason(plan: Plan, history: History, seconds: float) -> str | None:
    """Why no further trial is to be drawn, as a sentence; None if there is no reason."""
    return _time_is_over(plan, history, seconds) or _nothing_is_gained(plan, history)


def _time_is_over(plan: Plan, history: History, seconds: float) -> str | None:
    if plan.timeout is None:
        return None
    # Confirming has the share of the time that it has of the trainings.
    searching = plan.timeout * (1 - plan.confirming / plan.trials)
    if seconds < searching:
        return None
    return (
        f"the time was over: {len(history.trials)} trials in {searching:.4g} s, "
        f"the share of the search in {plan.timeout:.4g} s"
    )


def late(plan: Plan, history: History) -> str:
    """Why not all of the trainings that confirm are done."""
    return (
        f"the time was over: {len(history.confirmed)} of {plan.confirming} trainings that confirm "
        f"in {plan.timeout or 0:.4g} s"
    )


def _nothing_is_gained(plan: Plan, history: History) -> str | None:
    rounds, patience = history.rounds, plan.patience
    if patience is None or not rounds or rounds[-1].verdicts is None:
        return None
    # The first round has nothing before it to be compared with; what is resumed waits anew.
    if len(rounds) - max(1, history.resumed_after) < patience:
        return None
    before = sum(r.size for r in rounds[:-patience])
    values = [t.value for t in history.trials if t.value is not None and t.left is None]
    earlier = [t.value for t in history.trials[:before] if t.value is not None and t.left is None]
    if not earlier:
        return None
    best = max if history.direction == "maximize" else min
    gain, luck = abs(best(values) - best(earlier)), noise(history.confirmed)
    if gain > luck:
        return None
    rounds_said = "1 round" if patience == 1 else f"{patience} rounds"
    return (
        f"{rounds_said} brought {gain:.3g}, not more than the noise of {luck:.3g}, "
        "the standard deviation of one setting's values"
    )


def noise(confirmed: Sequence[Confirmation]) -> float:
    """The standard deviation of the values of the setting that was trained again first; 0 if that is not known."""
    values = [c.value for c in confirmed if c.trial == confirmed[0].trial and c.value is not None]
    return statistics.stdev(values) if len(values) > 1 else 0.0
