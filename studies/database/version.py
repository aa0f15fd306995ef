"""Whether a study has changed since it was read: a short text that is another one after every change of it.

It is made of what the database counts quickly, so that asking is cheap beside reading: 100,000 trials take a fifth of a
second. Who holds the study and where its folder is are no part of it, so a copy has the version of the original.
"""

from __future__ import annotations

import hashlib
from typing import Any

import sqlalchemy as sa

from studies.database import attributes, tables
from studies.database.folders import FOLDER
from studies.database.reader import Reader

SMALL = tuple(
    table
    for table in tables.OF_STUDIES
    if table not in (tables.leases, tables.stage_curves, tables.out_of_fold)
)
"""Our tables with few rows of a study. Curves and predictions of stages come with rows of `confirmations`."""


def version(store: Reader, study_id: int) -> str:
    """The version of a study, 32 hexadecimal digits."""
    t, i = store.table("trials"), store.table("trial_intermediate_values")
    a = store.table("trial_user_attributes")
    of_study = t.c.study_id == study_id
    facts: list[Any] = []
    with store.reading() as connection:
        facts += connection.execute(
            sa.select(
                t.c.state,
                sa.func.count(),
                sa.func.max(t.c.trial_id),
                sa.func.max(t.c.datetime_start),
                sa.func.max(t.c.datetime_complete),
            )
            .where(of_study)
            .group_by(t.c.state)
            .order_by(t.c.state)
        ).all()
        # While a trial runs its scores come one by one; those of others came with its end.
        facts += connection.execute(
            sa.select(sa.func.count(), sa.func.max(i.c.trial_intermediate_value_id))
            .join(t, t.c.trial_id == i.c.trial_id)
            .where(of_study, t.c.state == "RUNNING")
        ).all()
        # Other programs may add attributes and change them at any time.
        facts += connection.execute(
            sa.select(
                sa.func.count(),
                sa.func.max(a.c.trial_user_attribute_id),
                sa.func.sum(sa.func.length(a.c.value_json)),
            )
            .join(t, t.c.trial_id == a.c.trial_id)
            .where(of_study)
        ).all()
        for name in (attributes.USER, attributes.SYSTEM):
            b = store.table(name)
            mine = sa.select(b.c.key, b.c.value_json).where(b.c.study_id == study_id)
            mine = mine.where(b.c.key != FOLDER)
            facts += connection.execute(mine.order_by(b.c.key)).all()
        for table in SMALL:
            facts += [table.name]
            if tables.present(connection, table):
                of_it = sa.select(table).where(table.c.study_id == study_id)
                facts += connection.execute(of_it.order_by(*table.primary_key.columns)).all()
    text = repr([tuple(row) if isinstance(row, sa.Row) else row for row in facts])
    return hashlib.sha256(text.encode()).hexdigest()[:32]
