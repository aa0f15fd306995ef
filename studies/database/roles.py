"""What a role may not do in a PostgreSQL database, and the SQL that grants it."""

from __future__ import annotations

import re
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from studies.database.files import first_line

LACKS_A_GRANT, NO_SCHEMA = (
    "42501",
    "3F000",
)  # the states of SQL in which there is something to grant
READ = "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}"
WRITE = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}; "
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}"
)
ENTER, MAKE = (
    "GRANT USAGE ON SCHEMA {name} TO {role}",
    "GRANT USAGE, CREATE ON SCHEMA {name} TO {role}",
)


def reason(error: DBAPIError, url: sa.URL) -> str:
    """What a server answered, in one line, with the grant that the role of a URL lacks, if that is why."""
    answer, state = first_line(error.orig or error), getattr(error.orig, "sqlstate", None)
    denied = re.search(r"permission denied for (\w+) \"?(.+?)\"?$", answer)
    if state == NO_SCHEMA:
        kind, name = "schema", "public"
    elif denied is not None and (state == LACKS_A_GRANT or error.statement is None):
        kind, name = denied.groups()
    elif state == LACKS_A_GRANT:
        return f"{answer}: let the role that made the tables do it"
    else:
        return answer
    reads = (error.statement or "").lstrip().upper().startswith("SELECT")
    grants = {
        "database": "GRANT CONNECT ON DATABASE {name} TO {role}",
        "schema": ENTER if reads else MAKE,
        "table": READ if reads else WRITE,
        "sequence": WRITE,
    }
    if kind not in grants:
        return answer
    return f"{answer}: its owner can grant it: {_grant(grants[kind], url, name)}"


def unseen(connection: sa.Connection, url: sa.URL) -> str | None:
    """Why no table is seen in a database, if its role may not look into the schema; None if there may be none."""
    if connection.dialect.name != "postgresql":
        return None
    if connection.execute(sa.select(sa.func.current_schema())).scalar() is not None:
        return None
    return f"permission denied for schema public: its owner can grant it: {_grant(ENTER, url, 'public')}"


NOT_WRITABLE = sa.text(
    """
    SELECT CASE relkind WHEN 'S' THEN 'sequence' ELSE 'table' END, relname
    FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace
      AND (relkind = 'r' AND relname = ANY(:tables)
             AND NOT (has_table_privilege(oid, 'INSERT') AND has_table_privilege(oid, 'UPDATE')
                      AND has_table_privilege(oid, 'DELETE'))
           OR relkind = 'S' AND NOT has_sequence_privilege(oid, 'USAGE')
             AND oid IN (SELECT objid FROM pg_depend
                         WHERE refobjid = ANY(CAST(:tables AS regclass[])) AND deptype IN ('a', 'i')))
    ORDER BY 1 DESC, 2
    LIMIT 1
    """
)


def unwritable(connection: sa.Connection, url: sa.URL, tables: Collection[str]) -> str | None:
    """Why a role may not write to these tables, which exist, or number their rows; None if it may.

    It is asked before anything is written, since a study is written to in several transactions, and most of them need
    only some of these rights.
    """
    if connection.dialect.name != "postgresql":
        return None
    denied = connection.execute(NOT_WRITABLE, {"tables": list(tables)}).one_or_none()
    if denied is None:
        return None
    kind, name = denied
    return (
        f"permission denied for {kind} {name}: its owner can grant it: {_grant(WRITE, url, name)}"
    )


def _grant(sql: str, url: sa.URL, name: str) -> str:
    role = url.username or url.query.get("user")
    return sql.format(
        name=_quoted(name), role=_quoted(role) if isinstance(role, str) else "YOUR_ROLE"
    )


def _quoted(name: str) -> str:
    return name if re.fullmatch("[a-z_][a-z0-9_]*", name) else '"' + name.replace('"', '""') + '"'
