"""Rows of the service's tables for tests that want them there, whatever columns they have beside."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from studies.database.engine import now


def put(connection: sa.Connection, table: sa.Table, **known: Any) -> None:
    """Insert a row with something in each column that has to have something."""
    usual = {sa.Integer: 1, sa.Boolean: False, sa.DateTime: now(), sa.Float: 1.0}
    row = {
        column.name: known.get(column.name, usual.get(type(column.type), "x"))
        for column in table.columns
        if column.name in known or not (column.nullable or column is table.autoincrement_column)
    }
    connection.execute(sa.insert(table).values(row))
