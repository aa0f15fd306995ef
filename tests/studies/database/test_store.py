"""Making and opening databases: what is there is left alone, what is wrong is said in a line without a password."""

# Law 8: nothing that came from data is executed.

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import studies
from studies import Study
from studies.database.engine import masked
from studies.database.store import (
    Store,
    check_name,
    create_store,
    open_store,
)
from studies.errors import StoreError
from tests.studies.stores import add

OPEN: list[Callable[[str], Store]] = [open_store, create_store]


def change(storage: str, statement: str) -> None:
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute(statement)


def test_making_a_database_that_is_there_changes_nothing_in_it(storage: str) -> None:
    add(storage, "a")
    before = Path(storage.removeprefix("sqlite:///")).read_bytes()
    create_store(storage).close()
    assert Path(storage.removeprefix("sqlite:///")).read_bytes() == before


def test_an_empty_file_becomes_a_database(tmp_path: Path) -> None:
    (tmp_path / "empty.db").touch()
    add(f"sqlite:///{tmp_path}/empty.db", "a")
    assert studies.names(f"sqlite:///{tmp_path}/empty.db") == ["a"]


def test_a_database_is_in_wal_mode_and_stays_so(storage: str) -> None:
    create_store(storage).close()
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_what_is_not_there_is_an_error_and_makes_no_file(
    storage: str, tmp_path: Path
) -> None:
    with pytest.raises(StoreError, match=r"no database at .*study\.db"):
        open_store(storage)
    with pytest.raises(StoreError, match="no database at"):
        studies.load("a", storage)
    with pytest.raises(StoreError, match="no database at"):
        Study("a", storage).optuna()
    assert list(tmp_path.iterdir()) == []


def test_a_database_in_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no folder .*nowhere for the database a\.db"):
        create_store(f"sqlite:///{tmp_path}/nowhere/a.db")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", OPEN)
def test_a_folder_is_refused(to: Callable[[str], Store], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder: give a file in it"):
        to(f"sqlite:///{tmp_path}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", OPEN)
@pytest.mark.parametrize("content", [b"x,y\n1,2\n", b"SQLite format 2" + bytes(200), b"\x00" * 600])
def test_a_file_of_another_kind_is_refused_and_left_as_it_is(
    content: bytes, to: Callable[[str], Store], tmp_path: Path
) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"table\.csv is not an SQLite database"):
        to(f"sqlite:///{path}")
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("to", OPEN)
def test_the_database_of_something_else_is_refused_and_left_as_it_is(
    to: Callable[[str], Store], storage: str, tmp_path: Path
) -> None:
    change(storage, "CREATE TABLE songs (title TEXT)")
    path = tmp_path / "study.db"
    before = path.read_bytes()
    with pytest.raises(StoreError, match="the database of something else"):
        to(storage)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "rule"), [("", "1 to 512"), ("x" * 513, "1 to 512"), ("a\nb", r"can't be printed")]
)
def test_some_names_are_not_names(name: str, rule: str) -> None:
    with pytest.raises(StoreError, match=rule):
        check_name(name)


@pytest.mark.parametrize("to", OPEN)
@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://user:hunter2@127.0.0.1:1/db", r"postgresql://user:\*\*\*@127\.0\.0\.1:1/db"),
        ("postgresql://127.0.0.1:1/db?user=u&password=hunter2", r"password=\*\*\*"),
        ("postgresql://user:hunter2@127.0.0.1:nan/db", "the database URL can't be read"),
        ("postgresql+nosuch://user:hunter2@host/db", "no driver"),
        ("mysql://user:hunter2@host/db", "a mysql database can't be used"),
        ("postgresql:/user:hunter2@host/db", "the database URL can't be read"),
        ("user:hunter2@host", "the database URL can't be read"),
        ("postgresql://user:hunt@er2@127.0.0.1:1/db", "percent-encode"),
        ("postgresql://user:hunt@/er2@127.0.0.1:1/db", "percent-encode"),
        ("postgresql://user:hunter2/@127.0.0.1:1/db", "percent-encode"),
    ],
)
def test_an_error_never_shows_the_password(url: str, says: str, to: Callable[[str], Store]) -> None:
    with pytest.raises(StoreError, match=says) as raised:
        to(url)
    assert not re.search("hunt|er2", str(raised.value))
    assert "\n" not in str(raised.value)


def test_nothing_that_is_shown_of_a_study_shows_the_password() -> None:
    url = "postgresql://user:hunter2@127.0.0.1:1/db?sslpassword=hunter2"
    assert repr(Study("a", url)) == f"Study('a', {masked(url)!r})"
    assert masked(url) == "postgresql://user:***@127.0.0.1:1/db?sslpassword=***"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("study.db", "write sqlite:///study.db"),
        ("sqlite://", "would forget the study"),
        ("sqlite:///:memory:", "would forget the study"),
        ("sqlite+nosuch:///study.db", "no driver sqlite"),
        ("sqlite:study.db", "write sqlite:///study.db"),
        ("sqlite:/a/study.db", "write sqlite:////a/study.db"),
        ("sqlite://a/study.db", "write sqlite:///a/study.db"),
        ("sqlite:///a?study.db", "write %3F for [?]"),
        ("sqlite:///~/study.db", f"write sqlite:///{Path.home()}/study.db"),
        ("postgres://host/db", "did you mean 'postgresql'?"),
        ("https:/host/db", "write sqlite:///FILE or postgresql://USER"),
        ("", "write sqlite:///FILE"),
        (".", "is a folder: write sqlite:///hpo.db"),
    ],
)
def test_an_address_that_can_not_be_used_is_told_with_one_that_can(
    url: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreError, match=says):
        create_store(url)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("url", ["a.log", "sqlite:a.log", "sqlite:///a.log"])
def test_a_journal_of_optunas_is_known_as_one(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    optuna.create_study(storage=JournalStorage(JournalFileBackend("a.log")))
    with pytest.raises(StoreError, match=r"is a journal of Optuna's.*copy_study"):
        create_store(url)
