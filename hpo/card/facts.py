"""The facts of a model card, as plain data: what a model is, and what was measured on rows that it never saw."""

from __future__ import annotations

import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from hpo.card.classes import ClassFacts, class_facts
from hpo.card.columns import ColumnFacts, Importance, column_facts, importance
from hpo.card.quantities import QuantityFacts, quantity_facts
from hpo.models import Chosen, facts_of
from hpo.version import __version__
from studies.analysis.references import NAMES, sentences


@dataclass(frozen=True)
class TestScore:
    """The stored score on the test rows, with its interval; `same`: it is that of this very model."""

    value: float
    ci95: tuple[float, float] | None
    same: bool


@dataclass(frozen=True)
class Measured:
    """What was measured on held-out rows: `answers` of networks for `rows` of the table, each network trained on
    `trained_on` rows. `confirmed`: they are those that confirmed the settings; else those of the trial. `weighted`:
    rows have weights, which only the stored scores heed.
    """

    networks: int
    answers: int
    rows: int
    trained_on: int
    confirmed: bool
    weighted: bool


@dataclass(frozen=True)
class CardFacts:
    """All that a card says. `model` is `hpo.models.facts_of` of it; `about` therein says where it comes from.

    `target` is in words, and `dropped` are the columns that were left out on demand. `searched` is the value of the
    trial in the search, None if its settings were confirmed; `guess` what a constant scores on validation rows.
    `usual` has the scores of usual models on the same validation rows and on the test rows, and `comparison` says how
    the network compares with them. `finalists` is how many settings the recommended were chosen from, 0 if they are
    not these. `class_rows` says how many of the rows that it was trained on are of each class. Either `classes` or
    `quantities` is there.
    """

    model: Mapping[str, Any]
    target: str
    dropped: Sequence[str]
    maximize: bool
    searched: float | None
    guess: float | None
    test: TestScore | None
    usual: Mapping[str, tuple[float | None, float | None]]
    comparison: Sequence[str]
    finalists: int
    epochs: int  # that all stored scores are of
    measured: Measured
    classes: ClassFacts | None
    quantities: QuantityFacts | None
    class_rows: Mapping[str, int]
    columns: Sequence[ColumnFacts]
    importance: Importance
    versions: Mapping[str, str]

    @property
    def about(self) -> Mapping[str, Any]:
        """Where the model comes from, and what the study says of its settings."""
        about: Mapping[str, Any] = self.model["about"]
        return about

    @property
    def metric(self) -> str:
        """What the study optimized."""
        return str(self.about["metric"])


def facts_of_card(chosen: Chosen) -> CardFacts:
    """The facts of the model that is trained with what was chosen; its held-out networks are trained for it."""
    model, table, summary = chosen.model, chosen.draw.table, chosen.summary
    measured = chosen.held_out
    labels = np.concatenate([one.labels for one in measured])
    answers = np.concatenate([one.answers for one in measured])
    positions = np.concatenate([one.positions for one in measured])
    own = chosen.draw.training_positions(every_row=chosen.every_row)
    trial = chosen.members[0].trial
    opening, classes = summary.opening, table.classes
    test = None
    if opening is not None and opening.value is not None and opening.trial == trial:
        same = bool(model.about and model.about["test"])
        test = TestScore(opening.value, opening.ci95, same)
    first = summary.recommended
    is_recommended = first is not None and first.trial == trial
    usual = [
        r
        for r in summary.references
        if is_recommended and r.trial == trial and r.model != "constant"
    ]
    stages = {c.stage for c in summary.confirmations if c.trial == trial}
    confirmed = measured[0].stage is not None
    with threadpool_limits(1, user_api="blas"):
        worth = importance(measured, chosen.network.metric)
    target = model.about["target"] if model.about else None
    counts = () if classes is None else np.bincount(table.labels[own], minlength=len(classes))
    return CardFacts(
        model=facts_of(model),
        target=repr(target) if target else "the class" if classes else "the quantity",
        dropped=chosen.plan.drop,
        maximize=summary.goal.maximize,
        searched=None if confirmed else chosen.study.trial(trial).trial.value,
        guess=summary.data.get("guess"),
        test=test,
        usual={NAMES[r.model]: (_mean_on(r.values, stages), r.test) for r in usual},
        comparison=sentences(summary) if usual else (),
        finalists=len(summary.finalists) if is_recommended else 0,
        epochs=chosen.plan.epochs,
        measured=Measured(
            networks=len(measured),
            answers=len(labels),
            rows=len(np.unique(positions)),
            trained_on=measured[0].trained_on,
            confirmed=confirmed,
            weighted=table.weights is not None,
        ),
        classes=None if classes is None else class_facts(labels, answers, positions, classes),
        quantities=quantity_facts(labels, answers, positions) if classes is None else None,
        class_rows=dict(zip(classes or (), map(int, counts), strict=True)),
        columns=column_facts(model, table.rows_at(own)),
        importance=worth,
        versions={
            "hpo": __version__,
            "Python": platform.python_version(),
            "NumPy": np.__version__,
        },
    )


def _mean_on(values: Mapping[int, float], stages: Collection[int]) -> float | None:
    """The mean of the values of these stages; None if there are none."""
    known = [value for stage, value in values.items() if stage in stages]
    return sum(known) / len(known) if known else None
