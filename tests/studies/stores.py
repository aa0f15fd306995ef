"""What tests of stores write: a new study, a trial, a conclusion, and when its trials ended."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

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

# The ranges and the settings of a trial.
SPACE: dict[str, BaseDistribution] = {
    "rate": FloatDistribution(1e-5, 1, log=True),
    "units": IntDistribution(4, 64),
    "activation": CategoricalDistribution(("relu", "tanh")),
}
SETTING: dict[str, Any] = {"rate": 1e-3, "units": 8, "activation": "tanh"}

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
