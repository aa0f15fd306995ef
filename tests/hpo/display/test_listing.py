"""The table of studies that `hpo list` prints."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from hpo.display.listing import studies_table
from studies.database.lease import Holder
from studies.database.listing import Best, Listed

NOW = datetime(2026, 1, 2, 3, 4, 5)


def study(name: str, **others: Any) -> Listed:
    fields: dict[str, Any] = {
        "name": name, "state": "complete", "by_optuna": False, "metric": "accuracy",
        "directions": ["maximize"], "trials": {"complete": 60}, "best": Best(3, 0.98765, ()),
        "created": NOW, "last": NOW - timedelta(minutes=3), "holder": None,
    }  # fmt: skip
    return Listed(**(fields | others))


def printed(*listed: Listed, width: int = 80) -> list[str]:
    file = StringIO()
    table = studies_table(listed, NOW, width)
    Console(file=file, width=width).print(table, no_wrap=True, overflow="ignore", crop=False)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_column_that_no_study_has_anything_for_is_left_out() -> None:
    assert printed(study("one"), study("two", best=None, last=None, trials={})) == [
        "study  state     complete    best  metric        age",
        "one    complete        60  0.9877  accuracy ↑  3 min",
        "two    complete         0       –  accuracy ↑",
    ]


def test_what_failed_and_who_holds_a_study_is_told() -> None:
    holder = Holder("laptop", 4711, None, NOW, NOW)
    trials = {"complete": 5, "pruned": 20, "failed": 2, "running": 9}
    assert printed(study("one", state="running", holder=holder, trials=trials))[1] == (
        "one    running         5      20       2  0.9877  accuracy ↑  3 min  4711@laptop"
    )


NAMES = ["no-name-0f8fad5b-d9cb-469f-a165-70867728950e", "하이퍼파라미터 탐색 결과 열두 번째 실험", "学習率の探索" * 6,
         "a\nb\t[red]" * 9, "s"]  # fmt: skip


@pytest.mark.parametrize("width", [80, 132])
@pytest.mark.parametrize("running", [False, True])
def test_whatever_the_names_a_study_is_one_line_that_fits(width: int, running: bool) -> None:
    others: dict[str, Any] = {}
    if running:
        others = {
            "holder": Holder("a-host.with-a-long-name.example.org", 4194304, None, NOW, NOW),
            "trials": {"complete": 100000, "pruned": 20, "failed": 2},
            "metric": "a_metric_with_a_name_as_long_as_this", "state": "interrupted",
            "best": Best(3, -1.2345e-12, ()), "last": NOW - timedelta(days=700),
        }  # fmt: skip
    found = printed(*(study(name, **others) for name in NAMES), width=width)
    assert len(found) == 1 + len(NAMES)
    assert max(map(cell_len, found)) <= width
    ends = {cell_len(line[: line.index(others.get("state", "complete"))]) for line in found[1:]}
    assert len(ends) == 1  # the next column begins at the same cell
    assert found[1].startswith("no-name-")
    assert "8950e " in found[1]
    assert found[5].startswith("s   ")


def test_several_objectives_are_counted() -> None:
    (_, line) = printed(study("s", directions=["minimize"] * 2, best=None))
    assert line.endswith("  2 objectives  3 min")
