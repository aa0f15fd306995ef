"""The summary that a search ends with and `hpo show` prints: one screen."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from rich.console import Console

import hpo
from hpo.display.summary import _telling_verdicts, summary
from hpo.display.text import print_parts
from studies import Study
from studies.database.records import Round

ROWS, COLUMNS = 24, 80


def shown(study: Study, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("HPO_STORAGE", study.storage)
    console = Console(file=StringIO(), width=COLUMNS)
    with console.capture() as printed:
        print_parts(console, summary(study))
    return [line.rstrip() for line in printed.get().splitlines()]


def test_a_usual_study_fits_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory() as folder:  # whose name is short, as those of users are
        # A third round that moves both ranges would add two lines more.
        study = hpo.search("digits", epochs=3, rounds=2, storage=f"sqlite:///{folder}/s.db")
        lines = shown(study, monkeypatch)
    assert len(lines) < ROWS  # the prompt has the last
    assert max(map(len, lines)) <= COLUMNS
    assert lines[1].startswith(
        "1,797 rows of 64 columns, 10 classes; 1,077 rows train, 360 validate"
    )
    assert lines[2].startswith("Best validation accuracy ")
    assert [line for line in lines if line.startswith("  learning_rate  1e-05 … 1  ")]
    assert lines[-2:] == [
        "  hpo report digits               # see it",
        "  hpo resume digits --trials 200  # go on with it",
    ]


def train(params: dict[str, Any]) -> float:
    return float(1 - abs(params["p0"] - 0.2) - 0.1 * params["p1"])


def test_many_parameters_fit_a_screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = hpo.search(
        train, space={f"p{k}": hpo.Float(0, 1) for k in range(12)}, trials=100,
        storage=f"sqlite:///{tmp_path / 's.db'}", finalists=0,
    )  # fmt: skip
    lines = shown(study, monkeypatch)
    assert len(lines) < ROWS
    assert max(map(len, lines)) <= COLUMNS
    moved = [line for line in lines if line.startswith("  p0 ") and "0 … 1  →  " in line]
    assert moved
    assert [line for line in lines if line.startswith("  the whole range: ")]


KEPT: list[dict[str, Any]] = [{"action": "kept", "reason": reason} for reason in "abc"]
MOVED: list[dict[str, Any]] = [
    {"action": "narrowed", "reason": "n"},
    {"action": "extended", "reason": "e"},
    {"action": "kept", "reason": "k", "warning": "look"},
]


@pytest.mark.parametrize(
    ("verdicts", "told"),
    [
        ([], []),
        ([None], []),
        (KEPT[:1], [("0", "a")]),
        (KEPT, [("0–2", "c")]),
        ([*KEPT, None], [("0–2", "c")]),
        ([KEPT[0], MOVED[0], KEPT[1], MOVED[1], KEPT[2]], [("1", "n"), ("3", "e")]),
        ([KEPT[0], MOVED[2], KEPT[1]], [("1", "k")]),
    ],
)
def test_what_moved_a_range_is_told_or_else_what_kept_it(
    verdicts: list[dict[str, Any] | None], told: list[tuple[str, str]]
) -> None:
    rounds = [
        Round(k, 5, {}, {} if verdict is None else {"x": verdict}, None)
        for k, verdict in enumerate(verdicts)
    ]
    shown = [(number, verdict["reason"]) for number, verdict in _telling_verdicts(rounds, "x")]
    assert shown == told


def test_who_holds_a_study_is_told_and_one_is_not_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from studies.database.store import open_store

    study = hpo.search(
        "iris", trials=1, rounds=1, epochs=1, storage=f"sqlite:///{tmp_path / 's.db'}", name="s"
    )
    assert shown(study, monkeypatch)[0] == "s · complete · 1 trial · 1 epoch trained"
    with open_store(study.storage) as store, store.hold("s") as writer:
        first, second, *_ = shown(study, monkeypatch)
    assert first.startswith("s · running · ")
    assert second.startswith("Held by process ")
    assert writer.name == "s"
