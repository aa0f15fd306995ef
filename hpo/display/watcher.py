"""What a search tells of itself while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hpo.choose.narrowing import Verdict
    from hpo.choose.suggest import Direction
    from hpo.plan.plan import Plan
    from hpo.plan.space import Settings, Space
    from studies.database.records import Confirmation, Result


class Watcher:
    """Hears what a search does. This one says nothing of it; the command line's shows it."""

    def noticed(self, what: str) -> None:
        """Something that the user should know of, such as rows of a table that are left out."""

    def started(self, name: str, plan: Plan, direction: Direction, done: int) -> None:
        """A study begins, or goes on with so many trainings done."""

    def round_started(self, number: int, size: int, ranges: Space) -> None:
        """A round begins, or goes on after a resume."""

    def epoch_trained(self, trials: int) -> None:
        """So many trials were trained for one more epoch. Called from the threads that train."""

    def batch_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """A batch was recorded."""

    def round_judged(self, number: int, verdicts: Mapping[str, Verdict]) -> None:
        """A round was judged."""

    def stage_started(self, stage: int, trials: Sequence[int]) -> None:
        """The settings of these trials are trained again, on a fresh seed and split."""

    def stage_finished(self, results: Sequence[Confirmation]) -> None:
        """What came of them was recorded."""

    def stopped(self, reason: str) -> None:
        """The search ends before its last trial."""
