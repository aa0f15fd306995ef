"""What a search knows when it decides what to draw next, while some of its trials still train.

Trial n of a function is drawn when the trials 0 … n − ahead have ended, from their values alone, whichever of the later
ones have ended. So the search is the same in whatever order trials end, on one worker or on many.
"""

from __future__ import annotations

from dataclasses import replace

from hpo.choose.rounds import EXPLORING, lag
from hpo.choose.types import History, SearchPlan, Traits


def known(plan: SearchPlan, traits: Traits, history: History) -> History | None:
    """The history as if the last trials, on which the next does not depend, were still training.

    Known in any case are the first trials, which explore, those that Optuna made, and those that have trained again.
    None if one on which the next step depends has not ended.
    """
    unknown = lag(plan, traits)
    settled = max(history.adopted, min(history.drawn, EXPLORING), history.drawn - unknown)
    if history.running and history.place(min(history.running)) < settled:
        return None
    again = {c.trial for c in history.confirmed} if unknown else set()
    last = range(history.numbered - unknown - len(history.elsewhere), history.numbered)
    later = {
        n: history.trials[n].settings
        for n in last
        if n in history.trials
        and not (n in history.elsewhere or n in again)
        and history.place(n) >= settled
    }
    if not later:
        return history
    return replace(
        history,
        trials={n: t for n, t in history.trials.items() if n not in later},
        running=dict(sorted((later | history.running).items())),
        errors={n: line for n, line in history.errors.items() if n not in later},
    )
