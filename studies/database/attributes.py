"""What is stored of a study as Optuna's attributes, for Optuna's own tools and for facts that Optuna has no table for.

optuna-dashboard shows all of it: the name of the metric, the user attributes, and a note.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from studies.database.connection import Database
from studies.database.records import Conclusion
from studies.words import estimate

USER, SYSTEM = "study_user_attributes", "study_system_attributes"
METRIC_NAMES = "study:metric_names"  # of `optuna.study.Study.set_metric_names`
NOTE, NOTE_VERSION = "dashboard:note_str:0", "dashboard:note_ver"  # of `optuna_dashboard.save_note`
OURS = "hpo recommends"  # how a note of ours begins: one of the user's is kept


def user_attributes(store: Database, study_id: int) -> dict[str, Any]:
    """The user attributes of a study."""
    with store.reading() as connection:
        return _read(store, connection, USER, study_id)


def metric_names(store: Database, study_id: int) -> tuple[str, ...]:
    """The names of the objectives; none if Optuna was not told them."""
    with store.reading() as connection:
        return tuple(map(str, _read(store, connection, SYSTEM, study_id).get(METRIC_NAMES) or ()))


def write_user_attributes(
    store: Database, connection: sa.Connection, study_id: int, attributes: Mapping[str, Any]
) -> None:
    """Store user attributes of a study."""
    for key, value in attributes.items():
        _put(store, connection, USER, study_id, key, value)


def name_metric(store: Database, connection: sa.Connection, study_id: int, metric: str) -> None:
    """Tell Optuna the name of the metric, unless it knows one or it is the name of any value."""
    if metric != "value" and METRIC_NAMES not in _read(store, connection, SYSTEM, study_id):
        _put(store, connection, SYSTEM, study_id, METRIC_NAMES, [metric])


def recommend(
    store: Database, connection: sa.Connection, study_id: int, conclusion: Conclusion
) -> None:
    """Store which trial is recommended, as a user attribute and in a note."""
    first = next(iter(conclusion.finalists), None)
    if first is None or first.mean is None:
        return
    write_user_attributes(store, connection, study_id, {"recommended_trial": first.trial})
    system = _read(store, connection, SYSTEM, study_id)
    if str(system.get(NOTE) or OURS).startswith(OURS):
        metric = (system.get(METRIC_NAMES) or ["value"])[0]
        mean = f"{metric} {estimate(first.mean, first.ci95)}"
        text = f"{OURS} the settings of trial {first.trial}: {mean}, trained again {len(first.values)} ×"
        _put(store, connection, SYSTEM, study_id, NOTE, text)
        version = int(system.get(NOTE_VERSION, 0)) + 1
        _put(store, connection, SYSTEM, study_id, NOTE_VERSION, version)


def _read(store: Database, connection: sa.Connection, table: str, study_id: int) -> dict[str, Any]:
    t = store.table(table)
    rows = connection.execute(sa.select(t.c.key, t.c.value_json).where(t.c.study_id == study_id))
    return {key: json.loads(value) for key, value in rows}


def _put(
    store: Database, connection: sa.Connection, table: str, study_id: int, key: str, value: Any
) -> None:
    t = store.table(table)
    connection.execute(sa.delete(t).where(t.c.study_id == study_id, t.c.key == key))
    row = {"study_id": study_id, "key": key, "value_json": json.dumps(value)}
    connection.execute(sa.insert(t).values(row))
