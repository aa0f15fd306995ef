"""Held-out rows: what networks with the settings of a model answer for rows that they were not trained on.

The networks are those that confirmed the settings, trained again on their own splits, to the last bit; the rows are the
validation rows of these splits. Settings that were never confirmed have one such network, that of their trial. A row
may validate in several splits, each time before a network that has not seen it. Test rows are never among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hpo.members import Member, networks
from hpo.plan.plan import Plan
from hpo.run.seeds import CONFIRM, seed_of, training_seed
from hpo.trainables.network import MLP
from studies.analysis.summary import Summary
from trainer.arrays import Array
from trainer.data import Draw, Fold
from trainer.data.encoding import Encoding
from trainer.data.tables import Table
from trainer.folds import seed_of_fold
from trainer.model import (
    ClassifierModel,
    Model,
    RegressorModel,
    Trained,
    probabilities,
    quantities,
)
from trainer.recipe import Rows

MOST_NETWORKS = 5  # that are trained again, or all folds of one stage
INSIDE = 0.95  # share of rows whose quantity an interval is to hold


@dataclass(frozen=True)
class HeldOut:
    """A network and rows of the table that it was not trained on, which are at `positions` (N,).

    `rows` are the same rows as the network takes them. `stage` is the one that the network confirmed settings in; None
    if it is that of a trial. It was trained on `trained_on` rows.
    """

    trained: Trained
    encoding: Encoding
    table: Table
    positions: NDArray[np.intp]
    rows: Rows
    stage: int | None
    trained_on: int

    @cached_property
    def labels(self) -> Array:
        """The numbers of the classes, or the quantities in the units of the table (N,)."""
        labels: Array = self.table.labels[self.positions]
        return labels

    @cached_property
    def answers(self) -> NDArray[np.float64]:
        """The probability of each class (N, C), or the quantities in the units of the table (N,)."""
        if self.table.classes is not None:
            return probabilities([self.trained], self.rows.X)
        return quantities([self.trained], self.rows.X, self.encoding)

    @property
    def model(self) -> Model:
        """The network as a model."""
        table, one = self.table, (self.trained,)
        if table.classes is not None:
            return ClassifierModel(one, self.encoding, table.columns, {}, table.classes)
        return RegressorModel(one, self.encoding, table.columns, {})


def held_out(
    network: MLP, draw: Draw, plan: Plan, summary: Summary, member: Member, own_split: int
) -> list[HeldOut]:
    """Networks with the settings of a member, each with the validation rows of its split or fold: those of the first
    stages, as many as are MOST_NETWORKS.

    `own_split` is the one that the trial itself was trained on.

    Raises:
        PlanError: a training diverged.
    """
    folds = plan.folds or 1
    stages = [
        c.stage for c in summary.confirmations if c.trial == member.trial and c.value is not None
    ]
    taken = [(stage, seed_of(plan, CONFIRM, stage)) for stage in stages]
    if not taken:
        taken = [(-own_split, training_seed(plan, own_split))]
    return [
        _held_out(network, draw, plan, replace(member, seed=seed), which, fold)
        for which, seed in taken[: max(1, MOST_NETWORKS // folds)]
        for fold in range(folds)
    ]


def _held_out(
    network: MLP, draw: Draw, plan: Plan, member: Member, which: int, number: int
) -> HeldOut:
    fold = None
    if plan.folds is not None:
        fold = Fold(number, plan.folds)
        member = replace(member, seed=seed_of_fold(member.seed, number))
    split = draw(which, fold)
    _, positions = draw.positions(which, fold)
    (one,) = networks(network, plan, [member], split.train)
    stage = which if which > 0 else None
    return HeldOut(
        one, split.encoding, draw.table, positions, split.validation, stage, len(split.train.X)
    )


def residuals(measured: Sequence[HeldOut]) -> NDArray[np.float64]:
    """How far the quantities of held-out rows lie from the estimates, in the table's units."""
    return np.concatenate([one.labels - one.answers for one in measured])


def margin(of_rows: NDArray[np.float64]) -> float:
    """How far INSIDE of new rows lie from an estimate at the most, by residuals of rows that were held out (split
    conformal prediction, Lei et al. 2018).
    """
    sizes = np.sort(np.abs(of_rows))
    return float(sizes[min(int(np.ceil((len(sizes) + 1) * INSIDE)), len(sizes)) - 1])
