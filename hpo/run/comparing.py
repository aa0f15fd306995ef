"""The references of a search: fitted, at its end or before, and compared there with the recommended settings."""

from __future__ import annotations

from hpo.plan.plan import Plan
from hpo.run.journal import Journal
from hpo.run.seeds import REFERENCES, seed_of
from hpo.trainables.network import MLP
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import TEST, Which


def expect(plan: Plan, trainable: Trainable) -> None:
    """A search begins, at whose end `compare` needs references: some can be fitted while it goes on."""
    if isinstance(trainable, MLP):
        trainable.fit_references_beforehand(seed_of(plan, REFERENCES))


def compare(plan: Plan, trainable: Trainable, journal: Journal) -> None:
    """Fit the references on the splits that confirmed, or else on that of the search, and on the test rows if they
    were opened; and record what they score, unless that is recorded already.
    """
    history = journal.history
    if all(trial.value is None for trial in history.trials.values()):
        return
    splits: list[Which] = sorted({c.stage for c in history.confirmed}) or [0]
    if history.test_done:
        splits.append(TEST)
    known: dict[str, list[Which]] = {
        reference.model: [*reference.values, *([] if reference.test is None else [TEST])]
        for reference in journal.references()
    }
    fitted = trainable.references(splits, known, seed_of(plan, REFERENCES))
    if fitted:
        journal.compare(fitted)
