"""How the file of a plan is read is a part of the plan: its encoding, and whether it has a header."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpo.errors import PlanError
from hpo.plan.changes import changes
from hpo.plan.plan import make_plan, to_json
from hpo.trainables.network import mlp
from trainer.data import InMemory
from trainer.errors import DataError


def test_a_plan_that_was_stored_before_is_the_same_plan() -> None:
    plan = make_plan({"source": "t.csv", "target": "y"})
    stored = json.loads(to_json(plan))
    assert (stored.pop("encoding"), stored.pop("header")) == (None, True)
    assert make_plan(stored) == plan
    other = make_plan({"source": "t.csv", "target": "y", "encoding": "cp949", "header": False})
    assert make_plan(json.loads(to_json(other))) == other


@pytest.mark.parametrize(("field", "value"), [("encoding", "cp949"), ("header", False)])
def test_how_a_file_is_read_can_not_change_and_is_nothing_to_a_function(
    field: str, value: Any
) -> None:
    plan = make_plan({"source": "t.csv"})
    with pytest.raises(PlanError, match=f"{field} can't be changed"):
        changes(plan, make_plan({"source": "t.csv", field: value}))
    with pytest.raises(PlanError, match=f"{field} is a field of the network"):
        make_plan({"trainer": "m:f", "space": {"x": "0:1"}, field: value})


def test_the_network_trains_on_the_file_as_the_plan_says(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = "".join(f"{i},{'größer' if i % 2 else 'kleiner'}\n" for i in range(40))
    path.write_bytes(rows.encode("cp850"))
    fields = {"source": str(path), "target": "-1", "encoding": "cp850", "header": False}
    network = mlp(make_plan(fields))
    assert network.contents["classes"] == "größer, kleiner"
    assert network.contents["rows"] == 40
    with pytest.raises(DataError, match="leave out --no-header"):
        mlp(make_plan({"source": "memory:y", "header": False}), InMemory([[1], [2]], [1, 2]).load)
