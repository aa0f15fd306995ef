"""Tokens and sessions, on each kind of database, and the commands that make, list and revoke them."""

from __future__ import annotations

import json
import re
import sys
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from hpo.errors import PlanError
from hpo.serve import sessions, tables, tokens
from hpo.serve.database import ServiceDatabase
from hpo.serve.tokens import Tokens
from studies.database.engine import now
from tests.postgres import rows
from tests.running import Call


def test_a_token_is_recognized_as_its_owner_with_its_scope(
    service_database: ServiceDatabase,
) -> None:
    text = tokens.create(service_database, "laptop", owner="ada", scope="run")
    known = Tokens(service_database).recognize(text)
    assert known is not None
    assert (known.owner, known.scope, known.name) == ("ada", "run", "laptop")
    assert not known.caller.may("admin")


@pytest.mark.parametrize("wrong", ["", "hpo_", "hpo_" + "A" * 43, "x" * 10_000, "hpo_ü", "'; --"])
def test_a_text_that_is_no_token_is_nobody(wrong: str, service_database: ServiceDatabase) -> None:
    tokens.create(service_database, "laptop", owner="ada", scope="run")
    assert Tokens(service_database).recognize(wrong) is None


def test_neither_a_token_nor_a_session_is_in_the_database(service_storage: str) -> None:
    database = ServiceDatabase(service_storage)
    text = tokens.create(database, "laptop", owner="ada", scope="run")
    known = Tokens(database).recognize(text)
    assert known is not None
    secret = sessions.begin(database, known)
    database.close()
    stored = str(rows(service_storage))
    assert "laptop" in stored
    assert text not in stored
    assert text.removeprefix("hpo_") not in stored
    assert secret not in stored


def test_scanners_for_secrets_recognize_a_token(service_database: ServiceDatabase) -> None:
    text = tokens.create(service_database, "laptop", owner="ada", scope="run")
    assert re.fullmatch(r"hpo_[A-Za-z0-9_-]{43}", text)


def test_a_revoked_token_is_refused_within_a_second(
    service_database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tokens.create(service_database, "laptop", owner="ada", scope="run")
    clock = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    running = Tokens(service_database)
    assert running.recognize(text)
    assert running.known(text)
    tokens.revoke(service_database, "laptop")
    clock[0] += 1.01
    assert running.known(text) is None
    assert running.recognize(text) is None


def test_an_expired_token_is_refused_at_once(
    service_database: ServiceDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Tokens(service_database)
    text = tokens.create(
        service_database, "laptop", owner="ada", scope="run", lifetime=timedelta(hours=1)
    )
    assert running.recognize(text)
    later = now() + timedelta(hours=1)
    monkeypatch.setattr("hpo.serve.tokens.now", lambda: later)
    assert running.known(text) is None
    assert running.recognize(text) is None


def test_the_last_use_is_recorded_once_a_minute(service_database: ServiceDatabase) -> None:
    text = tokens.create(service_database, "laptop", owner="ada", scope="run")
    running = Tokens(service_database)
    statements: list[str] = []
    engine = service_database._store.engine
    sa.event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for _ in range(5):
        running.recognize(text)
    assert sum(statement.startswith("UPDATE") for statement in statements) == 1
    (stored,) = tokens.stored(service_database)
    assert stored.used is not None


@pytest.mark.parametrize(
    "name", ["", "../x", "<script>", "a b", "-x", "ü", "x" * 101, "a\x00b", "a\n"]
)
def test_a_name_that_breaks_the_rule_makes_no_token(
    name: str, service_database: ServiceDatabase
) -> None:
    with pytest.raises(PlanError):
        tokens.create(service_database, name, owner="ada", scope="run")
    with pytest.raises(PlanError):
        tokens.create(service_database, "laptop", owner=name, scope="run")
    assert not tokens.stored(service_database)


def test_a_name_is_taken_even_when_its_token_is_revoked(service_database: ServiceDatabase) -> None:
    tokens.create(service_database, "laptop", owner="ada", scope="run")
    tokens.revoke(service_database, "laptop")
    with pytest.raises(PlanError, match="'laptop'"):
        tokens.create(service_database, "laptop", owner="ada", scope="run")


def name_of(database: ServiceDatabase, secret: str) -> str | None:
    token = sessions.token_of(database, secret)
    return token.name if token else None


def test_a_session_ends_with_its_token_and_by_itself(service_database: ServiceDatabase) -> None:
    running = Tokens(service_database)
    known = running.recognize(tokens.create(service_database, "laptop", owner="ada", scope="run"))
    assert known is not None
    first, second, third = (sessions.begin(service_database, known) for _ in range(3))
    sessions.end(service_database, first)
    assert sessions.token_of(service_database, first) is None
    assert name_of(service_database, second) == "laptop"
    with service_database.writing() as connection:
        over = tables.sessions.c.digest == tokens.digest_of(second)
        connection.execute(sa.update(tables.sessions).where(over).values(expires=now()))
    assert sessions.token_of(service_database, second) is None
    assert name_of(service_database, third) == "laptop"
    tokens.revoke(service_database, "laptop")
    assert sessions.token_of(service_database, third) is None


def test_a_new_token_is_printed_alone_on_stdout(call_hpo: Call) -> None:
    made = call_hpo("token create laptop --scope run --owner ada --expires 30d")
    assert made.status == 0
    assert re.fullmatch(r"hpo_[A-Za-z0-9_-]{43}\n", made.out)
    assert "hpo_" not in made.err
    for word in ("laptop", "ada", "run"):
        assert word in made.err
    listed = call_hpo("token list --json")
    (one,) = json.loads(listed.out)
    assert (one["name"], one["owner"], one["scope"], one["state"], one["used"]) == (
        "laptop", "ada", "run", "valid", None,
    )  # fmt: skip
    assert made.out.strip() not in listed.out
    assert call_hpo("token revoke laptop").status == 0
    assert json.loads(call_hpo("token list --json").out)[0]["state"] == "revoked"
    assert "revoked" in call_hpo("token list").out


@pytest.mark.parametrize(
    ("line", "status", "word"),
    [
        ("token list", 1, "no database"),
        ("token revoke laptop", 1, "no database"),
        ("token create a/b --scope run", 2, "'a/b'"),
        ("token create a --scope write", 2, "write"),
        ("token create a", 2, "--scope"),
        ("token create a --scope run --expires soon", 2, "soon"),
        ("token create a --scope run --expires 0d", 2, "0d"),
        ("token create a --scope run --expires 999999w", 2, "999999w"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(
    line: str, status: int, word: str, call_hpo: Call
) -> None:
    done = call_hpo(line)
    assert (done.status, done.out) == (status, "")
    assert word in done.err
    assert len(done.err.splitlines()) == 1
    assert call_hpo("token list").status == 1  # there is still no database


def test_an_unknown_token_can_not_be_revoked(call_hpo: Call) -> None:
    call_hpo("token create laptop --scope run --owner ada")
    done = call_hpo("token revoke lap")
    assert done.status == 2
    assert "'lap'" in done.err


@pytest.mark.parametrize("line", ["serve", "token create a --scope run", "token list"])
def test_without_the_extra_a_line_says_how_to_install_it(
    line: str, call_hpo: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)  # as if it were not installed
    done = call_hpo(line)
    assert done.status == 2
    assert re.fullmatch(r"Error: .* needs the package uvicorn: pip install .*serve.*\n", done.err)
    assert [*tmp_path.iterdir()] == []
