"""The table of studies that `hpo list` prints."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

from rich.console import Console

from hpo.display.listing import studies_table
from studies.database.lease import Holder
from studies.database.listing import Best, Listed

NOW = datetime(2026, 1, 2, 3, 4, 5)
LONG = "a study that somebody has given a very long name"


def study(name: str, **others: Any) -> Listed:
    fields: dict[str, Any] = {
        "name": name, "state": "complete", "by_optuna": False, "metric": "accuracy",
        "directions": ["maximize"], "trials": {"complete": 60}, "best": Best(3, 0.98765, ()),
        "created": NOW, "last": NOW - timedelta(minutes=3), "holder": None,
    }  # fmt: skip
    return Listed(**(fields | others))


def printed(*listed: Listed) -> list[str]:
    file = StringIO()
    table = studies_table(listed, NOW)
    Console(file=file, width=80).print(table, no_wrap=True, overflow="ignore", crop=False)
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


def test_a_long_name_disturbs_its_own_line_alone_and_no_name_takes_two() -> None:
    found = printed(
        study(LONG), study("学習"), study("a\nb\t[red]"), study("s", directions=["minimize"] * 2)
    )
    assert found[1].startswith(f"{LONG}  complete  ")
    assert found[2].startswith(f"学習{' ' * 26}  complete")
    assert found[3].startswith("'a\\nb\\t[red]'  ")
    assert found[4].endswith("  2 objectives  3 min")
    assert len(found) == 5
