"""What tests of stores write: a new study, a conclusion, and when its trials ended."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from studies.database import tables
from studies.database.records import Conclusion
from studies.database.store import Store, create_store

NEW: dict[str, Any] = {
    "direction": "maximize",
    "plan": json.dumps({"seed": 7}),
    "metric": "accuracy",
    "data_hash": "0" * 64,
    "provenance": {},
}
"""What a new study is made of, but for its name."""

NONE_CONFIRMED = Conclusion(1, [])

DONE = datetime(2024, 2, 29, 12, 30, 15, 123456)


def add(storage: str, *names: str) -> None:
    """Store new studies."""
    with create_store(storage) as store:
        for name in names:
            with store.create_study(name, **NEW):
                pass


def holders(store: Store) -> int:
    """How many processes hold a study of the store."""
    with store.reading() as connection:
        return int(
            connection.execute(sa.select(sa.func.count()).select_from(tables.leases)).scalar_one()
        )
