"""The events of a running search, for displays and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from hpo.choose.types import Direction, Verdict
from hpo.plan.plan import Plan
from hpo.plan.space import Settings, Space
from studies.database.records import Confirmation, Result


class Watcher:
    """Receives the events of a search and ignores them; displays override those that they show.

    Every event but `epoch_trained` comes after the fact is recorded.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Stop showing."""

    def noticed(self, note: str) -> None:
        """A note for the user, such as that rows of a table are left out."""

    def started(
        self, name: str, plan: Plan, direction: Direction, done: int, remaining: int
    ) -> None:
        """A study begins, or goes on with `done` trainings done, and at most `remaining` still to do."""

    def round_started(self, number: int, size: int, ranges: Space) -> None:
        """A round begins, or goes on after a resume."""

    def epoch_trained(self, trials: int) -> None:
        """`trials` trials have trained for one more epoch. Called from the threads that train."""

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """Trials have ended: a whole batch of populations, or one trial of a function."""

    def round_judged(self, number: int, verdicts: Mapping[str, Verdict]) -> None:
        """A round was judged."""

    def stage_started(self, stage: int, trials: Sequence[int]) -> None:
        """A stage begins: the settings of `trials` train again on a fresh seed and split."""

    def stage_finished(self, results: Sequence[Confirmation]) -> None:
        """All trainings of a stage have ended."""

    def stopped(self, reason: str) -> None:
        """The search ends before its last trial."""
