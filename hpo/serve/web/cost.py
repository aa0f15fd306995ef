"""What a search will cost: counted from its plan, and measured in a few epochs of its first trials.

`previewed` runs in a process of the service's pool.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any

from hpo.plan.plan import Plan, make_plan
from studies.words import counted, duration

MEASURED = 10  # trials
SECONDS = 2.0  # that measuring takes, about


def sentences(plan: Plan, facts: Mapping[str, Any]) -> list[str]:
    """How much is trained, in sentences."""
    lines = [
        f"{counted(plan.trials, 'training')} in all, in {counted(plan.rounds, 'round')}: after each round the ranges "
        "are judged, and narrowed or extended where the trials say so."
    ]
    if plan.folds is not None:
        lines.append(
            f"Each setting is trained on {plan.folds} folds, so settings are scored {counted(plan.scorings, 'time')}."
        )
    if plan.confirming == 0:
        lines.append(
            "None of them confirm the best settings, so nothing says how much of it was luck."
        )
    elif plan.finalists is not None and plan.repeats is not None:
        lines.append(
            f"{plan.confirming} of them confirm the best settings on fresh seeds and splits."
        )
    else:
        lines.append(
            f"Up to {plan.confirming} of them confirm the best settings on fresh seeds and splits; how many follows "
            "from how noisy the values are."
        )
    epochs = plan.trials * plan.epochs
    if plan.halving is None:
        lines.append(f"{counted(plan.epochs, 'epoch')} each, so at most {epochs:,} epochs.")
    else:
        lines.append(
            f"Up to {counted(plan.epochs, 'epoch')} each; since the worst leave early, about "
            f"{plan.mean_length * epochs:,.0f} of {epochs:,} epochs."
        )
    if sizes := facts.get("splits"):
        lines.append(
            f"Each epoch passes over {sizes['training']:,} rows. The {sizes['test']:,} test rows are scored once, "
            "at the end."
        )
    return lines


def time_of(seconds: float | None) -> str:
    """How long it will take, in sentences."""
    if seconds is None:
        return "How long it will take is not known: its first trials ended at once, so nothing could be measured."
    about = duration(max(1.0, float(f"{seconds:.1g}")))
    return (
        f"Its trainings take about {about} on one core, as measured just now in a few epochs of settings like its "
        "first ones. Beside that, a search reads the table, chooses settings, and fits usual models to compare with: "
        "some 10 to 30 seconds for a small table, and more for a large one. All of it takes longer while the machine "
        "is busy."
    )


def previewed(
    folder: str, name: str, fields: Mapping[str, Any]
) -> tuple[dict[str, Any], float | None]:
    """The facts of a table as a plan understands it, and how many seconds its trainings will take, if that is known.

    Raises:
        PlanError: a field breaks its rule, or does not fit the table.
        DataError: the table can't be used.
    """
    from hpo.serve.data.understanding import understood

    facts = understood(folder, name, fields)
    if "problem" in facts:
        return facts, None
    with contextlib.chdir(folder):
        return facts, _measured(make_plan({**fields, "source": name}))


def _measured(plan: Plan) -> float | None:
    """The seconds of all trainings of a plan on one core, from a few epochs of trials as its first batch has them."""
    from threadpoolctl import threadpool_limits

    from hpo.choose.suggest import explore
    from hpo.trainables.network import mlp
    from hpo.trainables.task import Task

    network = mlp(plan)
    settings = explore(plan.space, min(MEASURED, plan.trials), plan.seed)
    epochs, deadline = list[tuple[float, int]](), time.perf_counter() + SECONDS
    with threadpool_limits(1):
        for members in network.populations(settings):
            chosen = tuple(settings[k] for k in members)
            began = time.perf_counter()
            for _ in network.training(Task(tuple(members), chosen, plan.epochs, plan.seed)).here():
                ended = time.perf_counter()
                epochs.append((ended - began, len(members) * (plan.folds or 1)))
                if ended > deadline:
                    break
                began = ended
            if time.perf_counter() > deadline:
                break
    typical = epochs[1:] or epochs  # the first one prepares
    if not typical:
        return None
    seconds, trainings = map(sum, zip(*typical, strict=True))
    return seconds / trainings * plan.trials * plan.epochs * plan.mean_length
