"""Clients anywhere make the study that a search at home makes."""

# Law 2: the same seed, the same study.

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import hpo
from hpo.serve.caller import Caller
from hpo.serve.remote import create
from hpo.serve.tables import searches
from studies.database.engine import now
from tests.hpo.serve.remote_clients import OWNER, PLAN, Trainer, begin, finish, service, train
from tests.running import Tables

PLANS: dict[str, dict[str, Any]] = {
    "ahead": {"ahead": 4},
    "halving": {"halving": 3, "epochs": 9, "trials": 60},
    "conditional": {
        "space": {
            "x": hpo.Float(0, 1),
            "kind": hpo.Categorical(("flat", "steep")),
            "slope": hpo.Float(1e-3, 1, log=True, when={"kind": "steep"}),
        },
        "trials": 40,
        "rounds": 3,
    },
}


@pytest.mark.parametrize(
    ("plan", "luck"),
    [
        ("conditional", 1),
        *(pytest.param(p, n, marks=pytest.mark.slow) for p in PLANS for n in (2, 3)),
    ],
)
def test_clients_in_any_order_make_the_study_of_home(
    plan: str, luck: int, storage: str, tmp_path: Path, tables: Tables
) -> None:
    _check(plan, luck, storage, tmp_path, tables)


@pytest.mark.slow
def test_on_a_server_too(postgres_storage: str, tmp_path: Path, tables: Tables) -> None:
    _check("halving", 1, postgres_storage, tmp_path, tables)


def test_what_is_sent_twice_counts_once(storage: str, tmp_path: Path, tables: Tables) -> None:
    _check("halving", 4, storage, tmp_path, tables, times=2)


def _check(
    plan: str, luck: int, storage: str, folder: Path, tables: Tables, *, times: int = 1
) -> None:
    fields = {**PLAN, **PLANS[plan]}
    hpo.search(train, **fields, storage=storage, name="home", progress=False)
    with service(storage, folder) as (made, client):
        begin(made, "away", fields)

        def post(path: str, **body: Any) -> Any:
            return [client.post(path, **body) for _ in range(times)][-1]

        counts = {"a": 1, "b": 3, "c": 2}
        finish([Trainer(post, "away", n, c, luck) for n, c in counts.items()], luck)
    assert tables("away", storage) == tables("home", storage)


def test_a_search_that_is_just_being_made_is_asked_again(storage: str, tmp_path: Path) -> None:
    with service(storage, tmp_path) as (made, client):
        row = {"name": "s", "owner": OWNER, "shared": False, "kind": "remote", "plan": "{}"}
        with made.database.writing() as connection:
            connection.execute(sa.insert(searches).values(**row, created=now()))
        answer = client.post("/api/v1/searches/s/tasks", json={"client": "me"})
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
        assert str(tmp_path) not in answer.text
        create(made, Caller(OWNER, "run"), "s", PLAN)
        assert client.post("/api/v1/searches/s/tasks", json={"client": "me"}).json()["tasks"]
