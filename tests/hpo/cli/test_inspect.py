"""`hpo inspect` shows what is understood of a source, on any screen, and a search says the same in short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import hpo
import studies
from hpo.errors import DataError, PlanError
from hpo.plan.plan import make_plan
from hpo.trainables.source import reading_of
from tests.running import Call
from trainer.data.reading import VERSION

HEADER = "my id,patient,when,k,hollow,size,y\n"


def people(folder: Path, rows: int = 90) -> str:
    lines = [
        f'{i},p{i % 9},{1 + i % 28:02}.03.2024,{["red", "n.a.", "blue"][i % 3]},,"{i % 8},5",{"ab"[i % 10 == 0]}\n'
        for i in range(rows)
    ]
    (folder / "people.csv").write_text(HEADER + "".join(lines))
    return "people.csv"


def test_every_fact_of_a_file_is_shown_and_is_in_its_json(call_hpo: Call, tmp_path: Path) -> None:
    file = people(tmp_path)
    command = f"inspect {file} --target y --group patient --drop 'my id'"
    shown = call_hpo(command).out
    for fact in (
        "90 rows, 3 columns: 1 of numbers, 2 of text", "classification of y, 2 classes", "a 90 %, b 10 %",
        "when    text", "k       text            2       30  red, blue", "0.5 … 7.5",
        "Left out: my id (dropped), hollow (empty), patient (group).", "--dates", "decimal commas",
        "'n.a.' is taken for missing, in 30 cells", "--metric balanced_accuracy",
    ):  # fmt: skip
        assert fact in shown, fact
    facts = json.loads(call_hpo(f"{command} --json").out)
    assert (facts["rows"], facts["columns"], facts["task"]) == (90, 3, "classification")
    assert facts["classes"] == {"a": 81, "b": 9}
    assert facts["left_out"] == {"my id": "dropped", "hollow": "empty", "patient": "group"}
    assert facts["described"][1] == {
        "name": "k", "kind": "text", "different": 2, "missing": 30, "commonest": {"red": 30, "blue": 30},
    }  # fmt: skip
    assert sum(facts["splits"].values()) == 90


def test_without_a_target_the_columns_are_shown(call_hpo: Call, tmp_path: Path) -> None:
    done = call_hpo(f"inspect {people(tmp_path)}")
    assert done.status == 0
    assert "--target COLUMN" in done.out
    assert "--drop 'my id'" in done.out
    facts = json.loads(call_hpo("inspect people.csv --json").out)
    assert [column["name"] for column in facts["described"]][-1] == "y"
    assert "task" not in facts


def test_rows_that_can_not_be_split_are_a_problem_and_all_else_is_shown(
    call_hpo: Call, tmp_path: Path
) -> None:
    rows = "".join(f"{i % 7},{'ab'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"x,y\n{rows}1,c\n")
    done = call_hpo("inspect t.csv --target y")
    assert done.status == 1
    assert "x       number" in done.out
    assert "Problem: class 'c' has 1 of the rows" in done.out
    assert "--drop-rare" in done.out
    done = call_hpo("inspect t.csv --target y --drop-rare")
    assert (done.status, "Problem" in done.out) == (0, False)


@pytest.mark.parametrize("source", ["digits", "breast_cancer", "wine", "iris", "diabetes"])
def test_every_built_in_source_is_shown(source: str, call_hpo: Call) -> None:
    facts = json.loads(call_hpo(f"inspect {source} --json").out)
    assert call_hpo(f"inspect {source}").out.startswith(source)
    assert sum(facts["splits"].values()) == facts["rows"]
    assert facts["task"] == ("regression" if source == "diabetes" else "classification")


def wide(columns: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    numbers = {
        f"a very long name of a column, number {i}": rng.normal(size=60) for i in range(columns)
    }
    texts = {f"语 {i}": rng.choice(["漢字" * 20, "x\ny", "z" * 70], 60) for i in range(columns)}
    return pd.DataFrame({**numbers, **texts, "y": [*"abc"] * 20})


@pytest.mark.parametrize("columns", [1, 3, 150])
def test_no_line_is_wider_than_80_columns_and_many_columns_are_capped(columns: int) -> None:
    from rich.cells import cell_len

    shown = str(hpo.inspect(wide(columns), target="y")).splitlines()
    assert max(map(cell_len, shown)) <= 80
    assert len(shown) < 70
    assert ("and 260 more columns" in "\n".join(shown)) == (columns == 150)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("--target yy", "no column 'yy': did you mean 'y'?"),
        ("--target y --drop patiemt", "no column 'patiemt' for --drop: did you mean 'patient'?"),
        ("--target y --target k", "--target is there twice: a network predicts one of y, k"),
        ("--target k --task regression", "'k' holds text"),
        ("--target y --metric rmse", "'y' holds text"),
    ],
)
def test_mistakes_are_told_in_one_line(
    options: str, says: str, call_hpo: Call, tmp_path: Path
) -> None:
    done = call_hpo(f"inspect {people(tmp_path)} {options}")
    assert done.status in (1, 2)
    assert says in done.err
    assert done.err.count("\n") == 1


def test_a_frame_and_arrays_come_through_the_same_door() -> None:
    frame = pd.DataFrame({"x": np.arange(40) % 7, "k": [*"uvwx"] * 10, "y": [*"ab"] * 20})
    facts = hpo.inspect(frame, target="y", drop="k")
    assert (facts["columns"], facts["left_out"]) == (1, {"k": "dropped"})
    assert hpo.inspect(frame)["columns"] == 3
    assert hpo.inspect(frame[["x", "k"]], frame["y"])["label"] == "y"
    assert hpo.inspect(frame[["x"]].to_numpy(), np.arange(40) / 3)["task"] == "regression"
    assert hpo.inspect([[1, 2], [3, 4]] * 20, [0, 1] * 20)["task"] == "classification"
    with pytest.raises(DataError, match="no column 'kk' for drop: did you mean 'k'"):
        hpo.inspect(frame, target="y", drop=["kk"])
    with pytest.raises(DataError, match="not the name of one column"):
        hpo.inspect(frame, target=["y", "k"])  # type: ignore[arg-type]


def test_a_table_of_arrow_is_read_as_a_frame() -> None:
    arrow = pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"x": np.arange(40) % 7, "k": [*"uvwx"] * 10, "y": [*"ab"] * 20})
    assert hpo.inspect(arrow.Table.from_pandas(frame), target="y") == hpo.inspect(frame, target="y")


# --- searches ---


def test_a_search_says_what_is_understood_and_stores_it(call_hpo: Call, tmp_path: Path) -> None:
    options = "--target y --group patient --weight size --dates --epochs 1 --trials 3 --rounds 1 --finalists 0"
    done = call_hpo(f"search {people(tmp_path)} {options}")
    assert "Note: classification: 'y' has 2 classes" in done.err
    assert "--drop 'my id'" in done.err
    assert "balanced_accuracy" in done.err
    study = studies.load("people", f"sqlite:///{tmp_path / 'hpo.db'}").read()
    assert study.data["left_out"] == {"hollow": "empty", "patient": "group", "size": "weight"}
    assert [c["kind"] for c in study.data["described"]] == ["number", "date", "text"]
    assert study.plan["understanding"] == VERSION
    assert "90 rows of 3 columns" in call_hpo("show people").out
    assert call_hpo("resume people --trials 4").status == 0
    refused = call_hpo("resume people --trials 5 --weight k").err
    assert "weight can't be changed from size to k" in refused


def test_the_note_on_skewed_classes_is_for_those_who_chose_no_metric(
    call_hpo: Call, tmp_path: Path
) -> None:
    file = people(tmp_path)
    assert "--metric" in call_hpo(f"inspect {file} --target y").out
    for metric in ("accuracy", "balanced_accuracy", "log_loss"):
        assert "--metric" not in call_hpo(f"inspect {file} --target y --metric {metric}").out


# --- plans ---


def test_a_plan_is_of_the_newest_version_and_a_stored_one_without_it_of_the_first() -> None:
    from hpo.plan.fields import UNDERSTANDING
    from hpo.run.resuming import stored_plan

    assert UNDERSTANDING == VERSION
    assert reading_of(make_plan({"source": "t.csv"})).version == VERSION

    class Record:
        name = "old"
        plan: Any = {"source": "t.csv", "trials": 30}  # noqa: RUF012

    assert reading_of(stored_plan(Record())).version == 1  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="understanding"):
        make_plan({"source": "t.csv", "understanding": VERSION + 1})
