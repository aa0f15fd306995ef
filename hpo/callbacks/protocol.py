"""What a callback is: an object with some of the methods of `Callback`.

    class Printer:
        def trial_ended(self, study, trial):
            print(trial.number, trial.value, trial.params)

    hpo.search("digits", callbacks=[Printer()])

Each method is called on the thread of the search, after what it tells of is recorded, so the search waits for it, and
`study` has it already. If a search is killed, what was recorded just before may not have been told. An error in a
callback is shown, once for each callback, and the search goes on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from hpo.plan.plan import Plan
from studies.study import Study


@dataclass(frozen=True)
class EndedTrial:
    """A trial that has ended. `study.trial(number)` has all that is stored of it.

    `value` is None if it failed, and `error` says why. `curves` are its metrics, each with a value for each epoch;
    `finished` is in UTC. `output` is what its function or program printed.
    """

    number: int
    params: Mapping[str, Any]
    state: Literal["complete", "pruned", "failed"]
    value: float | None
    curves: Mapping[str, Sequence[float]]
    finished: datetime
    error: str | None = None
    output: str = ""


class Callback:
    """Hears what happens in a search, and does nothing. A callback need not be of this class; one method is enough."""

    def search_began(self, study: Study, plan: Plan) -> None:
        """A search begins, or goes on after a stop. If this fails, the callback hears no more of the search."""

    def trial_ended(self, study: Study, trial: EndedTrial) -> None:
        """A trial has ended. Trainings that confirm are no trials; `study.finalists_frame()` has them."""

    def search_ended(self, study: Study) -> None:
        """The search is over: it is done, an error ended it, or it was stopped and can be resumed."""


METHODS = ("search_began", "trial_ended", "search_ended")
