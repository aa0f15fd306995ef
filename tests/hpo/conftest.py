"""What the tests of the search share: a study's tables as they are exported, but for times."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import studies
from studies.export import to_csv

Tables = dict[str, bytes]


@pytest.fixture(scope="session")
def tables() -> Callable[[str, str], Tables]:
    """The tables of a stored study, to the last digit, without the columns that hold times."""

    def exported(name: str, storage: str) -> Tables:
        study = studies.load(name, storage)
        trials = study.trials_frame().drop(columns=["started", "finished"])
        return {
            "trials": to_csv(trials),
            "epochs": to_csv(study.epochs_frame()),
            "rounds": to_csv(study.rounds_frame()),
        }

    return exported
