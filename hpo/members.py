"""The members of a model: the settings and the seed of each of its networks, and how these are trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hpo.errors import PlanError
from hpo.plan.network import own_fields
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.run.seeds import TEST_ROWS, seed_of
from hpo.trainables.network import MLP
from studies.analysis.summary import Summary
from studies.study import Study
from trainer.fit import DivergedError, trained
from trainer.model import Trained
from trainer.recipe import Recipe, Rows


@dataclass(frozen=True)
class Member:
    """What one network of a model is trained with; `epochs` is None for those of the plan."""

    trial: int
    settings: Settings
    seed: int
    epochs: int | None = None


def members_of(
    study: Study, summary: Summary, plan: Plan, trial: int | None, count: int
) -> list[Member]:
    """The trials whose settings the networks have, with their seeds: that of the test for the first of each trial.

    Raises:
        PlanError: no trial has succeeded.
        studies.errors.StoreError: there is no such trial.
    """
    chosen: list[tuple[int, Settings, int | None]]
    if trial is not None:
        chosen = [(trial, dict(study.trial(trial).trial.params), None)]
    else:
        chosen = [
            (f.trial, dict(f.params), f.epochs) for f in summary.finalists if f.mean is not None
        ]
        if not chosen and summary.chosen is not None:
            chosen = [(summary.chosen[0], dict(summary.chosen[1]), None)]
    if not chosen:
        raise PlanError(f"no trial of study {summary.record.name!r} has succeeded yet")
    members = []
    for k in range(count):
        again, which = divmod(k, len(chosen))
        seed = seed_of(plan, TEST_ROWS, *([again] if again else []))
        number, settings, epochs = chosen[which]
        members.append(Member(number, settings, seed, epochs))
    return members


def networks(
    network: MLP, plan: Plan, members: Sequence[Member], rows: Rows
) -> tuple[Trained, ...]:
    """The members, trained on these rows; those that can are trained as one stack.

    Raises:
        PlanError: the training of one diverged.
    """
    stacks: dict[tuple[Recipe, int, int | None], list[int]] = {}
    for k, member in enumerate(members):
        key = network.recipe(member.settings), member.seed, member.epochs
        stacks.setdefault(key, []).append(k)
    found: dict[int, Trained] = {}
    for (recipe, *_), group in stacks.items():
        found |= zip(
            group, _as_a_stack(plan, recipe, [members[k] for k in group], rows), strict=True
        )
    return tuple(found[k] for k in range(len(members)))


def _as_a_stack(
    plan: Plan, recipe: Recipe, members: Sequence[Member], rows: Rows
) -> Iterator[Trained]:
    """The networks of members of the same shapes, seed and number of epochs."""
    settings = [own_fields(plan, member.settings) for member in members]
    first = members[0]
    try:
        stack = trained(
            recipe, settings, rows, epochs=plan.epochs, seed=first.seed, until=first.epochs
        )
    except DivergedError as error:
        trial = members[error.which].trial
        raise PlanError(
            f"trial {trial}: training with its settings diverges in epoch {error.epoch}: choose another trial"
        ) from None
    for k, member in enumerate(members):
        part = slice(k, k + 1)
        yield Trained(
            stack.network, stack.theta[part].copy(), stack.statistics[part].copy(), member.settings
        )
