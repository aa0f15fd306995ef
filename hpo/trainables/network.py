"""The NumPy network on the data of a plan, as a trainable."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import trainer.data
from hpo.choose.types import Traits
from hpo.errors import PlanError
from hpo.plan.network import LIMITS, check_space, own_fields, shared_fields
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.trainables.task import TEST, Task, Training
from trainer.data import Draw, Reading, Splits, Which
from trainer.data.remote import RemoteDraw
from trainer.fields import METRICS, NOT_NEGATIVE
from trainer.fit import fit
from trainer.population import even_parts, stack_size
from trainer.recipe import Recipe
from trainer.references import Reference, guess, references

LOSS = {"classification": "sparse_categorical_cross_entropy", "regression": "squared_error"}
METRIC = {"classification": "accuracy", "regression": "rmse"}
FEW_ROWS = 250
"""With so few validation rows, a split favours some settings by luck, and a search on one split alone would find these
(scripts/bench/RESULTS.md). On digits, of which 360 validate, one split for all trials chooses no worse."""


class MLP:
    """The NumPy multilayer perceptron on the data of a plan."""

    asks_for: Sequence[str] = ()
    folder: Path | None = None

    def __init__(self, plan: Plan, draw: Draw | RemoteDraw) -> None:
        self.plan = plan
        self.data = draw(0)
        self.draw = draw
        self._fresh: tuple[Which, Splits] = (0, self.data)  # the last split that was drawn
        self._lock = threading.Lock()
        self.fingerprint = self.data.fingerprint
        self.contents: Mapping[str, Any] = self.data.contents
        self.notes: Sequence[str] = self.data.notes
        self.metric = plan.metric or METRIC[self.data.task]
        self.score = f"validation_{self.metric}"
        metric = METRICS.get(self.metric)  # None: the loss, which is never negative
        self.traits = Traits(
            "maximize" if metric is not None and metric.larger_is_better else "minimize",
            stacked=True,
            noisy=True,
            tests=True,
            limits=LIMITS,
            bounds=NOT_NEGATIVE if metric is None else metric.bounds,
            fresh_splits=len(self.data.validation.X) <= FEW_ROWS,
        )

    @cached_property
    def overview(self) -> Mapping[str, Any]:
        """What readers of the study are told of its data, with what a guess scores."""
        score = guess(self.data, self.metric, LOSS[self.data.task])
        return {**self.data.overview, "guess": score if math.isfinite(score) else None}

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Settings of the same shapes, in stacks that fit a core's cache."""
        shapes: dict[Recipe, list[int]] = {}
        for k, setting in enumerate(settings):
            shapes.setdefault(self.recipe(setting), []).append(k)
        parts = []
        for recipe, members in shapes.items():
            parts += even_parts(members, stack_size(recipe, self.data.train.X.shape[1]))
        return parts

    def training(self, task: Task) -> Training:
        """The training of one population by `trainer.fit.fit`."""
        splits = self._splits(task.split)
        recipe = self.recipe(task.settings[0], splits)
        own = [own_fields(self.plan, setting) for setting in task.settings]
        return Training(
            fit,
            (recipe, own),
            {"epochs": task.epochs, "seed": task.seed, "intervals": task.split == TEST},
            shared={"train": splits.train, "validation": splits.validation},
        )

    def references(
        self, splits: Sequence[Which], known: Mapping[str, Sequence[Which]], seed: int
    ) -> Sequence[Reference]:
        """What a constant, a linear model and boosted trees score on these splits."""
        loss = LOSS[self.data.task]
        fitted: list[Reference] = self.draw.ask(references, splits, known, self.metric, loss, seed)
        return fitted

    def _splits(self, which: Which) -> Splits:
        with self._lock:  # the populations of a batch start together
            if which == 0:
                return self.data
            if self._fresh[0] != which:
                self._fresh = which, self.draw(which)
            return self._fresh[1]

    def recipe(self, setting: Settings, splits: Splits | None = None) -> Recipe:
        """What the trials of a population with this setting share, on the search's first split or on another."""
        splits = splits or self.data
        return Recipe(
            outputs=self.data.outputs,
            loss=LOSS[self.data.task],
            metric=self.metric if self.metric in METRICS else METRIC[self.data.task],
            target_scale=splits.target_scale,
            **shared_fields(self.plan, setting),
        )


def mlp(plan: Plan, load: Callable[..., Draw | RemoteDraw] = trainer.data.load) -> MLP:
    """The trainable of a plan, with its data read and split.

    Raises:
        PlanError: the plan searches a parameter that the network does not have, or values that it does not accept.
        trainer.errors.DataError: the source can't be read or used.
    """
    if re.search(r"\.py(:\w*)?$", plan.source or ""):
        raise PlanError(
            f"source {plan.source!r} holds no data: give a function that trains by --trainer"
        )
    check_space(plan)
    rows = {"seed": plan.seed, "rows": plan.rows, "dtype": plan.dtype}
    binned = plan.preset == "tabular"
    network = MLP(
        plan, load(plan.source or "", plan.target, reading=reading_of(plan), binned=binned, **rows)
    )
    task = network.data.task
    if plan.task not in (None, task):
        raise PlanError(f"task {plan.task!r} does not fit {plan.source}, a {task}")
    classes = task == "classification"
    allowed = [name for name, metric in METRICS.items() if metric.classes == classes] + ["loss"]
    if plan.metric is not None and plan.metric not in allowed:
        raise PlanError(
            f"metric {plan.metric!r} does not fit {plan.source}, a {task}: "
            f"give one of {', '.join(allowed)}"
        )
    return network


def reading_of(plan: Plan) -> Reading:
    """How the source of a plan is to be understood."""
    return Reading(task=task_of(plan), drop=plan.drop, encoding=plan.encoding, header=plan.header)


def task_of(plan: Plan) -> Any:
    """The task that a plan says, by itself or by its metric; None if the labels decide."""
    if plan.task is not None or plan.metric not in METRICS:
        return plan.task
    return "classification" if METRICS[plan.metric].classes else "regression"
