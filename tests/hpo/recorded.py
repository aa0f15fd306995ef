"""What a study's database holds, and a plan that several tests search by."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

from studies import Study
from studies.database.records import Confirmation, Trial
from studies.database.store import open_store

PLAN: dict[str, Any] = {"trials": 30, "finalists": 4, "repeats": 3, "epochs": 3, "seed": 1}


def rows(storage: str, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection, connection:
        return connection.execute(query).fetchall()


def confirmations(study: Study) -> list[Confirmation]:
    with open_store(study.storage) as store:
        return store.confirmations(store.study(study.name).study_id)


def trials(study: Study) -> list[Trial]:
    with open_store(study.storage) as store:
        return store.trials(store.study(study.name).study_id)
