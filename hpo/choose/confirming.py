"""How many trainings confirm: that follows from the noise, which is measured early.

When the first trials have ended, the best of them train again on a fresh seed and split. The larger the noise is beside
what the search has gained since, the more of the budget trains the best settings again: where new settings are better
than the noise is large, they are worth more than a safer choice. If values repeat exactly, only the best setting is
trained once more.
"""

from __future__ import annotations

import math
import statistics
from itertools import takewhile

from hpo.choose.rounds import EXPLORING, lag
from hpo.choose.types import Confirmation, History, SearchPlan, Traits

REPEATED, CHECKED = 4, 2
"""How many of the first settings train again to measure the noise, and to see whether there is any."""
PARTS = 8  # at most one in eight trainings measures the noise
RACING = 6  # trainings that race after those if there is noise: three stages of two
LEAST = 3  # race where six would be more than one in eight; as many more race for each baseline
SHARE = 0.5  # of the budget that confirms, where the noise is as large as what was gained


def trials_to_repeat(plan: SearchPlan, traits: Traits, history: History) -> tuple[int, ...]:
    """The first trials whose settings train again now, to measure the noise: the baselines and the best others."""
    if len(history.trials) < EXPLORING or repeats_exactly(traits, history):
        return ()
    begun = history.drawn + len(history.confirmed) - history.requested
    wanted = min(_wanted(plan, history) - len(history.confirmed), plan.scorings - begun)
    if traits.noisy is None and not history.confirmed:
        wanted = min(wanted, CHECKED)
    if wanted <= 0:
        return ()
    best = history.ranked(traits.direction)
    ranked = [trial for trial in best if history.place(trial) < _first(history)]
    if wanted > len(plan.baseline):
        ranked.sort(key=lambda trial: trial >= len(plan.baseline))  # then the best, as before
    return tuple(sorted(ranked[:wanted]))


def measuring(plan: SearchPlan, history: History) -> list[Confirmation]:
    """The trainings so far that measured the noise: they come first, and are of the first trials."""
    early = history.confirmed[: _wanted(plan, history)]
    return list(takewhile(lambda c: history.place(c.trial) < _first(history), early))


def _first(history: History) -> int:
    """How many of the first trials the noise is measured among: those that explore, or all that Optuna made."""
    return max(EXPLORING, history.adopted)


def _wanted(plan: SearchPlan, history: History) -> int:
    """How many trainings measure the noise, if there is any: so few that the finalists can still train."""
    most = plan.most_confirming(history.adopted)
    left = most - (LEAST if plan.finalists is None else plan.finalists)
    return max(0, min(REPEATED, (plan.scorings - history.adopted) // PARTS, left))


def confirming_budget(plan: SearchPlan, traits: Traits, history: History) -> int:
    """How many of the plan's trainings confirm: the number or the share that it has, or what the noise asks for.

    The share is of what the search itself trains, without Optuna's trials and requests. A search that has stopped early
    confirms with the same share of its trainings. What a user adds after a race confirms as a search of its own, or the
    best of the new trials would have no trainings left.
    """
    own, drawn = plan.scorings - history.adopted, history.drawn - history.adopted
    most = plan.most_confirming(history.adopted)
    if (unconfirmed := repeated_best(plan, traits, history)) is not None:
        # One is held back for the best, which the last trial may be. A single baseline was among those checked.
        least = CHECKED + 1 + (len(plan.baseline) if len(plan.baseline) >= CHECKED else 0)
        held_back = max(least, len(history.confirmed) + len(unconfirmed))
        return min(max(0, held_back - history.requested), most, own - drawn)
    measured, before = len(measuring(plan, history)), 0
    if raced_before(plan, history):
        earlier = history.before
        before, measured = earlier.confirmed - earlier.requested, 0
        drawn -= earlier.drawn - history.adopted
        added = own - (earlier.drawn - history.adopted) - before
        if 2 * most > added:  # of few further trainings, no larger a share confirms than of all
            most = most * added // own
        own = added
    share = None if plan.repeats is not None else _noise_share(plan, traits, history)
    if share is not None:
        least = max(LEAST, min(RACING, own // PARTS)) + LEAST * len(plan.baseline)
        asked = max(measured + least, round(share * own))
        # An older version may have confirmed more.
        most = min(most, max(asked, len(history.confirmed) - history.requested - before))
    if history.stopped is not None and own > most:
        return before + min(most, math.ceil(drawn / (own - most) * most))
    return before + min(most, own - drawn)


def raced_before(plan: SearchPlan, history: History) -> bool:
    """Whether settings had raced before a user went on with the search: not only trained again to measure the noise."""
    return history.before.confirmed > len(measuring(plan, history))


def repeated_best(
    plan: SearchPlan, traits: Traits, history: History, among: int | None = None
) -> list[int] | None:
    """If values repeat exactly, the best trial and the baselines, those of them whose settings have not been trained
    again; None if they don't.

    With `among`, it is the best of so many first trials.
    """
    if not repeats_exactly(traits, history):
        return None
    confirmed = {c.trial for c in history.confirmed}
    ranked = history.ranked(traits.direction)
    best = [trial for trial in ranked if among is None or trial < among][:1]
    baselines = [trial for trial in ranked if trial < len(plan.baseline) and trial not in best]
    return [trial for trial in (*best, *baselines) if trial not in confirmed]


def repeats_exactly(traits: Traits, history: History) -> bool:
    """Whether trainings gave exactly the same values again, so that there is nothing more to confirm."""
    if traits.noisy is not None or len(history.confirmed) < CHECKED:
        return False
    return all(c.value == history.trials[c.trial].value for c in history.confirmed)


def _noise_share(plan: SearchPlan, traits: Traits, history: History) -> float | None:
    """The share of the trainings that the noise asks to confirm; None before it is measured.

    The noise is compared with the distance from the best of the first trials, which explore, to the best of all that
    are known when the last round begins, so that the share is settled then.
    """
    deviation = noise(plan, history)
    if deviation is None:
        return None
    drawn = sum(r.size for r in history.rounds[: max(1, plan.rounds - 1)])
    before = max(EXPLORING, drawn - lag(plan, traits))
    sign = 1.0 if traits.direction == "maximize" else -1.0
    values = {history.place(n): sign * value for n, value in history.searched().items()}
    first = max((v for place, v in values.items() if place < EXPLORING), default=-math.inf)
    gained = max((v - first for place, v in values.items() if place < before), default=0.0)
    return SHARE * min(1.0, deviation / gained) if gained > 0 else SHARE


def noise(plan: SearchPlan, history: History) -> float | None:
    """The standard deviation of one setting's values, without what a stage's seed and split do to all settings alike.

    It comes from the differences between the values in the search and those of the trainings that measured the noise.
    None before two settings have been trained again in one stage.
    """
    stages: dict[int, list[float]] = {}
    for c in measuring(plan, history):
        searched = history.trials[c.trial].value
        if c.value is not None and searched is not None:
            stages.setdefault(c.stage, []).append(c.value - searched)
    degrees = sum(len(gaps) - 1 for gaps in stages.values())
    if degrees < 1:
        return None
    squares = sum(statistics.pvariance(gaps) * len(gaps) for gaps in stages.values())
    return math.sqrt(squares / degrees / 2)
