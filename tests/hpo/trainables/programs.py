"""Programs that are shell scripts, and a plan to search over them by."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hpo.executors.threads import Threads
from hpo.plan.plan import make_plan
from hpo.trainables.of_plan import trainable_of
from hpo.trainables.task import Outcome
from tests.hpo.scripted import tasks_of, trained

SPACE = {"x": "0:1"}
FEW: Any = {"space": SPACE, "trials": 2, "rounds": 1, "epochs": 3, "finalists": 0}
EPOCHS = 'for e in 1 2 3; do echo "epoch=$e score=$1"; done'

Write = Callable[[str], Path]


def outcome(
    settings: Any = None, command: str = "./train {x}", pauses: Any = (), **plan: Any
) -> Outcome:
    """What came of training the settings once with the program `train`."""
    settings = settings or {"x": 0.5}
    program = trainable_of(make_plan({**FEW, "program": command, **plan}))
    with Threads(program, 1) as threads:
        return trained(threads, tasks_of(program, [settings], epochs=3, pauses=pauses))[0]
