"""The trainable that a plan names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hpo.errors import PlanError
from hpo.plan.place import HERE, Place
from hpo.plan.plan import Plan
from hpo.trainables import named
from hpo.trainables.asked import ASKED, Asked
from hpo.trainables.call import Train
from hpo.trainables.cross_validation import SEARCH_CV
from hpo.trainables.function import Function
from hpo.trainables.network import mlp
from hpo.trainables.program import Program
from hpo.trainables.protocol import Trainable
from trainer.data import name_of
from trainer.data.remote import RemoteDraw
from trainer.data.sources import IN_MEMORY
from trainer.worker import AVAILABLE, Worker

if TYPE_CHECKING:
    from trainer.data import InMemory

DEFAULT = "processes" if AVAILABLE else "threads"
"""Where functions train if nobody says otherwise."""


def trainable_of(
    plan: Plan,
    *,
    worker: Worker | None = None,
    train: Train | str | None = None,
    data: InMemory | None = None,
    place: Place = HERE,
) -> Trainable:
    """The program of a plan, or its function, which `train` may supply, or its network, whose data a `worker` may read,
    or `data` are.

    A function is made ready for the `place` where it trains.

    Raises:
        PlanError: there is no such function or program, or the plan does not fit it.
        trainer.errors.DataError: the data can't be read or used.
    """
    if data is not None and plan.source is None:
        raise PlanError("a function or a program that trains has its own data: leave out X and y")
    if plan.program is not None:
        if train is not None:
            raise PlanError(
                f"the study's plan runs a program, and no function of yours: {plan.program}"
            )
        return Program(
            plan.program, plan.metric, plan.direction or "maximize",
            timeout=plan.trial_timeout, memory=plan.trial_memory,
        )  # fmt: skip
    if plan.trainer is not None:
        if train is None and plan.trainer == ASKED:
            raise PlanError("the study belongs to a loop of yours: go on with hpo.open in Python")
        if train is None and plan.trainer == SEARCH_CV:
            raise PlanError(
                "the study belongs to hpo.SearchCV: fit it again with its name and storage"
            )
        train = train or plan.trainer
        return Function(
            named.find(train) if isinstance(train, str) else train,
            plan.metric,
            plan.direction or "maximize",
            halving=plan.halving is not None,
            travels=(place.executor or DEFAULT) == "processes",
            far=place.on_dask,
        )
    if train is not None:
        raise PlanError(f"the study's plan trains a network on {plan.source}, no function of yours")
    if data is not None:
        return mlp(plan, data.load)
    return mlp(plan) if worker is None else mlp(plan, partial(RemoteDraw, worker))


def asked_of(plan: Plan, *, by_epoch: bool) -> Asked:
    """The trainable of a plan for whoever asks and tells, and also reports epochs on the way if `by_epoch`.

    Raises:
        PlanError: the plan trains a network, or has `halving`, and epochs are not reported.
    """
    if plan.trainer is None:
        trains = f"runs {plan.program}" if plan.program else f"trains a network on {plan.source}"
        raise PlanError(f"the study {trains}: go on with hpo.resume")
    if plan.halving is not None and not by_epoch:
        raise PlanError("halving: a search by hpo.open trains all settings to the end")
    return Asked(plan.metric, plan.direction or "maximize")


def study_name(plan: Plan) -> str:
    """The default name of a study of this plan."""
    if plan.program is not None:
        return plan.program.name
    if plan.trainer is not None and plan.trainer != ASKED:
        return named.study_name(plan.trainer)
    plain = "loop" if plan.trainer == ASKED else name_of(plan.source or "")
    nameless = plan.trainer == ASKED or plan.source == f"{IN_MEMORY}y"  # a loop, or arrays
    return (nameless and named.script_name()) or plain
