"""What the tests of the search share: a study's tables as they are exported, but for times."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Executor

import pytest

import studies
from hpo.executors import threads
from studies.export import to_csv

Tables = dict[str, bytes]


@pytest.fixture
def pool() -> Iterator[Executor]:
    """Two threads that train."""
    with threads(2) as made:
        yield made


@pytest.fixture(scope="session")
def tables() -> Callable[[str, str], Tables]:
    """The tables of a stored study and what its test rows said, to the last digit, without times."""

    def exported(name: str, storage: str) -> Tables:
        study = studies.load(name, storage)
        test = study.summary()["test"] or {"opened_at": None}
        trials = study.trials_frame().drop(columns=["started", "finished"])
        return {
            "trials": to_csv(trials),
            "epochs": to_csv(study.epochs_frame()),
            "rounds": to_csv(study.rounds_frame()),
            "finalists": to_csv(study.finalists_frame()),
            "test": json.dumps(test | {"opened_at": None}).encode(),
        }

    return exported
