"""The reasons to end a search early: its time is over, rounds gain no more than the noise, or trainings fail."""

from __future__ import annotations

import math

from hpo.choose.confirming import noise
from hpo.choose.racing import STAGE_VARIANCE
from hpo.choose.rounds import batches
from hpo.choose.types import History, SearchPlan, Traits
from studies.words import counted

HOPELESS_FAILURES = 10
"""After so many errors without a single value, the other trainings would fail, too."""


def time_for_drawing_is_over(
    plan: SearchPlan, traits: Traits, history: History, seconds: float
) -> str | None:
    """Why no further trial is drawn after `seconds`; None while there is time.

    The rest of the time is for confirming: the largest share of it that the trainings that confirm may have.
    """
    if plan.timeout is None:
        return None
    confirming = plan.most_confirming(history.adopted) / (plan.scorings - history.adopted)
    searching = plan.timeout * (1 - confirming)
    if seconds < searching:
        return None
    trained = history.ended
    limit, share = f"{plan.timeout:.4g} s", f"{searching:.4g} s"
    if not trained:
        return f"a timeout of {limit} is too short to begin a trial"
    if trained <= batches(plan, traits, history.rounds)[0].size:
        first = (
            "the first trial" if trained == 1 else f"the first {trained} trials, drawn together,"
        )
        return f"a timeout of {limit} is too short: {first} took longer than the share of the search in it, {share}"
    return f"the time was over: {trained} trials in {share}, the share of the search in {limit}"


def time_for_confirming_is_over(plan: SearchPlan, history: History, seconds: float) -> str | None:
    """Why no further stage begins after `seconds`; None while there is time."""
    if plan.timeout is None or seconds < plan.timeout:
        return None
    confirmed = counted(len(history.confirmed), "training")
    return f"the time was over: {confirmed} had confirmed after {plan.timeout:.4g} s"


def nothing_is_gained(plan: SearchPlan, traits: Traits, history: History) -> str | None:
    """Why a plan with `patience` has no further rounds; None if they may still gain something.

    Where each batch has a split of its own, what the splits do to values is luck, too.
    """
    rounds, patience = history.rounds, plan.patience
    if patience is None or not rounds or rounds[-1].actions is None:
        return None
    # The first round has none before it to be compared with. A resumed search waits for `patience` rounds again.
    if len(rounds) - max(1, history.resumed_after) < patience:
        return None
    values = history.searched()
    before = sum(r.size for r in rounds[:-patience])
    earlier = [value for number, value in values.items() if history.place(number) < before]
    if not earlier:
        return None
    best = max if traits.direction == "maximize" else min
    gain, luck = abs(best(values.values()) - best(earlier)), noise(plan, history)
    if luck is not None and traits.fresh_splits:
        luck *= math.sqrt(1 + STAGE_VARIANCE)
    if gain > (luck or 0.0):
        return None
    quiet = counted(patience, "round")
    if luck is None:  # nothing confirms
        return f"{quiet} brought nothing"
    return (
        f"{quiet} brought {gain:.3g}, not more than the noise of {luck:.3g}, "
        "by which the values of one setting differ"
    )


def too_many_failures(plan: SearchPlan, history: History) -> str | None:
    """Why the search gives up: more trainings failed than the plan allows, or all of them; None if it goes on."""
    count = len(history.errors)
    hopeless = count >= HOPELESS_FAILURES and all(t.value is None for t in history.trials.values())
    if not hopeless and (plan.max_failures is None or count <= plan.max_failures):
        return None
    failed = "all" if hopeless else str(count)
    last = history.errors[max(history.errors)]
    return f"{failed} of {history.ended} trainings failed, the last with {last}"
