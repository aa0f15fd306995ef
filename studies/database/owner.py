"""The owner of a study, who began it: a user attribute of the study, so that optuna-dashboard shows it, too."""

from __future__ import annotations

import getpass
import json
import os

import sqlalchemy as sa

from studies.database.attributes import USER
from studies.database.connection import Database

USER_VARIABLE = "HPO_USER"


def current_user() -> str | None:
    """The name in HPO_USER, else that of the login; None where the system has none, as in some containers."""
    if name := os.environ.get(USER_VARIABLE, "").strip():
        return name
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # on Windows, it is an ImportError
        return None


def read_owners(store: Database, connection: sa.Connection) -> dict[int, str]:
    """The owner of each study that has one, by study_id; the attribute is `owner`."""
    t = store.table(USER)
    rows = connection.execute(sa.select(t.c.study_id, t.c.value_json).where(t.c.key == "owner"))
    return {study_id: str(json.loads(text)) for study_id, text in rows}
