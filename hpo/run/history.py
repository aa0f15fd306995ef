"""The record of a search as the loop needs it, kept in step with the database."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hpo.choose.rounds import batch_numbers, batches
from hpo.choose.suggest import Direction, Observation
from hpo.plan.space import Settings

if TYPE_CHECKING:
    from studies.database.records import Confirmation, Opening, Round, Trial
    from studies.database.writer import Writer


@dataclass
class History:
    """What was done so far, and what was begun. A trial's number is its position in `trials`."""

    direction: Direction
    trials: list[Observation]
    pending: list[tuple[int, Settings]]  # the numbers and settings of a batch that was begun
    rounds: list[Round]
    in_round: int  # trials that the last round has so far
    errors: list[str]
    confirmed: list[Confirmation]
    staged: list[Confirmation]  # of a stage that was begun
    opening: Opening | None
    stopped: str | None
    resumed_after: int  # rounds, when it was made to go on though it had stopped
    widened: dict[
        int, set[str]
    ]  # a round's number -> parameters whose range its user made wider before it

    @classmethod
    def read(cls, writer: Writer, most: Callable[[int], int], *, learns: bool) -> History:
        """The record of a study whose batches are `hpo.choose.rounds.batches` of `most` and `learns`."""
        store, study_id = writer.store, writer.study_id
        record, trials, rounds, confirmations, opening, plans = store.read(
            lambda: (
                store.study(writer.name),
                store.trials(study_id),
                store.rounds(study_id),
                store.confirmations(study_id),
                store.opening(study_id),
                store.plans(study_id),
            )
        )
        done = [t for t in trials if t.state != "running"]
        last = rounds[-1].round if rounds else 0
        widened: dict[int, set[str]] = {}
        for version in plans:
            names = (change["field"].partition("space.")[2] for change in version.changes)
            widened.setdefault(version.rounds, set()).update(filter(None, names))
        return cls(
            direction=record.direction,
            trials=[
                Observation(t.params, _finite(t.value), batch, _left(t))
                for t, batch in zip(
                    done, batch_numbers(batches(rounds, most, learns=learns)), strict=False
                )
            ],
            pending=[(t.number, t.params) for t in trials if t.state == "running"],
            rounds=rounds,
            in_round=sum(t.attributes.get("round") == last for t in trials),
            errors=[t.attributes["error"] for t in done if "error" in t.attributes],
            confirmed=[c for c in confirmations if c.finished is not None],
            staged=[c for c in confirmations if c.finished is None],
            opening=opening,
            stopped=record.stopped,
            resumed_after=record.resumed_after,
            widened=widened,
        )

    @property
    def trainings(self) -> int:
        """How many trainings are done, those that confirm included."""
        return len(self.trials) + len(self.confirmed)

    def searched(self) -> dict[int, float]:
        """The values of the trials that were trained to the end, by their numbers."""
        return {
            k: t.value for k, t in enumerate(self.trials) if t.value is not None and t.left is None
        }

    def ranked(self) -> list[int]:
        """The numbers of the trials that were trained to the end, best first, the earliest of equals first."""
        sign = -1.0 if self.direction == "maximize" else 1.0
        values = self.searched()
        return sorted(values, key=lambda k: (sign * values[k], k))


def _finite(value: float | None) -> float | None:
    """A value that can be compared. Optuna takes infinities; they are never the best."""
    return value if value is not None and math.isfinite(value) else None


def _left(trial: Trial) -> int | None:
    """At which epoch a trial left; 0 where Optuna pruned it, whose steps need not be epochs."""
    left: int | None = trial.attributes.get("left_epoch")
    return 0 if left is None and trial.state == "pruned" else left
