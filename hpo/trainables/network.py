"""What a search can train, behind one protocol; and the network of ours.

A trainable knows which settings train together as one population, and trains a population as a generator: after
each epoch it yields a mapping of metric -> (K,), and it may be sent who stays.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

import trainer.data
from hpo.choose.suggest import Direction
from hpo.errors import PlanError
from hpo.plan.network import LIMITS, check_space, own_fields, shared_fields
from hpo.plan.plan import Plan
from hpo.plan.space import Limit, Settings
from trainer.data import Splits
from trainer.data import Which as Which  # for all that train something
from trainer.fields import METRICS
from trainer.fit import fit
from trainer.population import even_parts, stack_size
from trainer.recipe import Recipe
from trainer.workers import Workers

Array = NDArray[Any]
Draws = Callable[[Which], Splits]
Training = Generator[dict[str, Array], NDArray[np.bool_] | None, None]


BATCH = 50
"""Trials that are suggested, trained and recorded together, at the most."""


class Trainable(Protocol):
    """Something that a search can train."""

    @property
    def metric(self) -> str | None:
        """The name of what is optimized, such as accuracy; None: the only one that is yielded."""

    @property
    def score(self) -> str | None:
        """Which of the yielded metrics decides, such as validation_accuracy; None: the only one."""

    @property
    def direction(self) -> Direction:
        """Whether the metric is to be large or small."""

    @property
    def notes(self) -> Sequence[str]:
        """What its user should know before it begins, such as rows of a table that are left out."""

    @property
    def fingerprint(self) -> str:
        """By which a study knows its data again; empty where it does not know them."""

    @property
    def contents(self) -> Mapping[str, Any]:
        """What can be said of the data if they are not the same any more; empty where nothing is known of them."""

    @property
    def limits(self) -> Mapping[str, Limit]:
        """The lowest and highest value that some parameters can have, however far their ranges are extended."""

    def batch(self, round_size: int) -> int:
        """How many trials of a round are suggested, trained and recorded together, at the most."""

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Positions of the settings that train together; fixed by the settings, never by the number of cores."""

    @property
    def repeats(self) -> bool | None:
        """Whether a setting has other values with other seeds and splits; None: that is to be seen."""

    @property
    def tests(self) -> bool:
        """Whether it has test rows."""

    def train(
        self, settings: Sequence[Settings], *, epochs: int, seed: int, which: Which = 0
    ) -> Training:
        """Train the settings of one population on the split of the search, on a fresh one, or for the test rows."""


class TrialError(Exception):
    """What a function of the user's raised while it trained. One line of it is `line`, all of it `full`."""

    def __init__(self, error: Exception) -> None:
        self.line = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
        self.full = "".join(traceback.format_exception(error))
        super().__init__(self.line)


LOSS = {"classification": "sparse_categorical_cross_entropy", "regression": "squared_error"}
METRIC = {"classification": "accuracy", "regression": "rmse"}


class MLP:
    """The NumPy multilayer perceptron on the data of a plan."""

    repeats = True
    tests = True

    def __init__(self, plan: Plan, draw: Draws) -> None:
        self.plan = plan
        self.workers = Workers(1)  # all stacks train in this process
        self.data = draw(0)
        self._draw = draw
        self._fresh: tuple[Which, Splits] = (0, self.data)  # the split that was last asked for
        self._lock = threading.Lock()

    @property
    def fingerprint(self) -> str:
        """A hash of all rows and labels."""
        return self.data.fingerprint

    @property
    def contents(self) -> Mapping[str, Any]:
        """The number of rows, and hashes of columns and labels."""
        contents: Mapping[str, Any] = self.data.contents
        return contents

    @property
    def limits(self) -> Mapping[str, Limit]:
        """What the network's numbers can be."""
        return LIMITS

    @property
    def metric(self) -> str:
        """Accuracy for classes, RMSE for quantities, or the loss where the plan says so."""
        return self.plan.metric or METRIC[self.data.task]

    @property
    def score(self) -> str:
        """The metric on the validation rows."""
        return f"validation_{self.metric}"

    @property
    def direction(self) -> Direction:
        """Whether the metric is to be large; a loss is to be small."""
        metric = METRICS.get(self.metric)
        return "maximize" if metric is not None and metric.larger_is_better else "minimize"

    @property
    def notes(self) -> Sequence[str]:
        """What of the source was left out, and what looks odd in it."""
        return self.data.notes

    def batch(self, round_size: int) -> int:
        """Many: a stack of them trains nearly as fast as one."""
        return min(BATCH, round_size)

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Settings of one shape, as stacks that fit a core's cache."""
        shapes: dict[Recipe, list[int]] = {}
        for k, setting in enumerate(settings):
            shapes.setdefault(self._recipe(setting, self.data), []).append(k)
        parts = []
        for recipe, members in shapes.items():
            parts += even_parts(members, stack_size(recipe, self.data.train.X.shape[1]))
        return parts

    def train(
        self, settings: Sequence[Settings], *, epochs: int, seed: int, which: Which = 0
    ) -> Training:
        """Train the settings of one population."""
        splits = self._splits(which)
        recipe = self._recipe(settings[0], splits)
        own = [own_fields(self.plan, setting) for setting in settings]
        rows = {"train": splits.train, "validation": splits.validation}
        return self.workers.training(fit, rows, recipe, own, epochs=epochs, seed=seed)

    def _splits(self, which: Which) -> Splits:
        with self._lock:  # the populations of a batch ask together
            if which == 0:
                return self.data
            if self._fresh[0] != which:
                self._fresh = which, self._draw(which)
            return self._fresh[1]

    def _recipe(self, setting: Settings, splits: Splits) -> Recipe:
        return Recipe(
            outputs=self.data.outputs,
            loss=LOSS[self.data.task],
            metric=self.metric if self.metric in METRICS else METRIC[self.data.task],
            target_scale=splits.target_scale,
            **shared_fields(self.plan, setting),
        )


def mlp(plan: Plan, load: Callable[..., Draws] = trainer.data.load) -> MLP:
    """The trainable of a plan, with its data read and split.

    Raises:
        PlanError: the plan searches what this network has not, or outside what it can take.
        trainer.data.DataError: the source can't be read or used.
    """
    check_space(plan)
    draw = load(plan.source or "", plan.target, seed=plan.seed, rows=plan.rows, dtype=plan.dtype)
    made = MLP(plan, draw)
    classes = made.data.task == "classification"
    allowed = [name for name, metric in METRICS.items() if metric.classes == classes] + ["loss"]
    if plan.metric is not None and plan.metric not in allowed:
        raise PlanError(
            f"metric {plan.metric!r} does not fit {plan.source}, a {made.data.task}: "
            f"give one of {', '.join(allowed)}"
        )
    return made
