"""The NumPy network on the data of a plan, as a trainable."""

from __future__ import annotations

import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import trainer.data
from hpo.choose.types import Traits
from hpo.errors import PlanError
from hpo.plan.network import LIMITS, check_space, own_fields, shared_fields
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.trainables.beforehand import ROWS, Beforehand
from hpo.trainables.source import drawn, skewed, task_in_words
from hpo.trainables.task import TEST, Task, Training
from trainer.data import Draw, Fold, Splits, Which
from trainer.data.remote import RemoteDraw
from trainer.fields import METRICS, NOT_NEGATIVE
from trainer.fit import fit
from trainer.folds import OUT_OF_FOLD, Folds, fit_folds
from trainer.population import even_parts, stack_size
from trainer.recipe import Recipe
from trainer.references import Reference, guess, references

LOSS = {"classification": "sparse_categorical_cross_entropy", "regression": "squared_error"}
METRIC = {"classification": "accuracy", "regression": "rmse"}
FEW_ROWS = 250
"""With so few validation rows, a split favours some settings by luck, and a search on one split alone would find these
(scripts/bench/RESULTS.md). On digits, of which 360 validate, one split for all trials chooses no worse. On folds all
rows validate that are no test rows, and whether batches share their folds made no difference there."""

MOST_CLASSES = 20
"""With more, no table of classes and what was predicted is kept: it has the square of that many numbers."""


class Division(NamedTuple):
    """The rows of split `which`, or those of each of its folds."""

    which: Which
    splits: tuple[Splits, ...]
    folds: Folds | None = None


class MLP:
    """The NumPy multilayer perceptron on the data of a plan."""

    asks_for: Sequence[str] = ()
    folder: Path | None = None

    def __init__(self, plan: Plan, draw: Draw | RemoteDraw) -> None:
        self.plan = plan
        self.draw = draw
        self._first = self._drawn(0)
        self._fresh = self._first  # the last that was drawn
        self._lock = threading.Lock()
        self._beforehand: Beforehand | None = None
        self.data = self._first.splits[0]
        self.fingerprint = self.data.fingerprint
        self.contents: Mapping[str, Any] = self.data.contents
        self.notes: Sequence[str] = [
            *task_in_words(self.data.overview),
            *self.data.notes,
            *skewed(plan, self.data.overview),
        ]
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
            fresh_splits=sum(len(s.validation.X) for s in self._first.splits) <= FEW_ROWS,
        )

    @cached_property
    def overview(self) -> Mapping[str, Any]:
        """What readers of the study are told of its data, with what a guess scores."""
        loss = LOSS[self.data.task]
        score = fmean(guess(splits, self.metric, loss) for splits in self._first.splits)
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
        """The training of one population by `trainer.fit.fit`, or on folds by `trainer.folds.fit_folds`."""
        division = self._divided(task.split)
        recipes = [self.recipe(task.settings[0], splits) for splits in division.splits]
        own = [own_fields(self.plan, setting) for setting in task.settings]
        options: dict[str, Any] = {"epochs": task.epochs, "seed": task.seed}
        if division.folds is not None:
            # What confirms trains on fresh folds, so its predictions had no part in choosing.
            few = self.data.outputs <= MOST_CLASSES
            options |= {"kept": self.score, OUT_OF_FOLD: _is_stage(task.split) and few}
            return Training(fit_folds, (recipes, own), options, shared={"folds": division.folds})
        (splits,) = division.splits
        return Training(
            fit,
            (recipes[0], own),
            options | {"intervals": task.split == TEST},
            shared={"train": splits.train, "validation": splits.validation},
        )

    def references(
        self, splits: Sequence[Which], known: Mapping[str, Sequence[Which]], seed: int
    ) -> Sequence[Reference]:
        """What a constant, a linear model and boosted trees score on these splits."""
        ahead = () if self._beforehand is None else self._beforehand.fitted()
        self._beforehand = None
        return self._references(splits, known, seed, ahead)

    def fit_references_beforehand(self, seed: int) -> None:
        """Fit references for the end of a search while it goes on, if another process has the data, and few rows."""
        if isinstance(self.draw, RemoteDraw) and len(self.data.train.y) <= ROWS:
            self._beforehand = Beforehand(
                lambda splits, ahead: self._references(splits, {}, seed, ahead)
            )

    def _references(
        self,
        splits: Sequence[Which],
        known: Mapping[str, Sequence[Which]],
        seed: int,
        ahead: Sequence[Reference],
    ) -> Sequence[Reference]:
        loss, folds = LOSS[self.data.task], self.plan.folds
        fitted: list[Reference] = self.draw.ask(
            references, splits, known, self.metric, loss, seed, folds, ahead
        )
        return fitted

    def _divided(self, which: Which) -> Division:
        with self._lock:  # the populations of a batch start together
            if which == 0:
                return self._first
            if self._fresh.which != which:
                self._fresh = self._drawn(which)
                if self._beforehand is not None and _is_stage(which):
                    self._beforehand.expect(which)
            return self._fresh

    def _drawn(self, which: Which) -> Division:
        count = self.plan.folds
        if count is None or which == TEST:
            return Division(which, (self.draw(which),))
        splits = tuple(self.draw(which, Fold(number, count)) for number in range(count))
        return Division(which, splits, Folds(tuple((s.train, s.validation) for s in splits)))

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
    return on_data(plan, drawn(plan, load))


def on_data(plan: Plan, draw: Draw | RemoteDraw) -> MLP:
    """The network on the splits that are drawn.

    Raises:
        PlanError: the task or the metric does not fit the labels.
        trainer.errors.DataError: the rows can't be split.
    """
    network = MLP(plan, draw)
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


def _is_stage(which: Which) -> bool:
    return which != TEST and which > 0
