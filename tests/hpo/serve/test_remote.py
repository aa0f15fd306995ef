"""Clients anywhere make the study that a search at home makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import hpo
from tests.hpo.serve.remote_clients import PLAN, Trainer, begin, finish, service, train
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


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("luck", [1, 2])
def test_clients_in_any_order_make_the_study_of_home(  # Law 2: the same seed, the same study
    plan: str, luck: int, storage: str, tmp_path: Path, tables: Tables
) -> None:
    fields = {**PLAN, **PLANS[plan]}
    hpo.search(train, **fields, storage=storage, name="home")
    with service(storage, tmp_path) as (made, client):
        begin(made, "away", fields)
        counts = {"a": 1, "b": 3, "c": 2}
        clients = [Trainer(client.post, "away", n, c, luck) for n, c in counts.items()]
        finish(clients, luck)
    assert tables("away", storage) == tables("home", storage)
