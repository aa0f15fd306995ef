"""--baseline, as somebody types it: once or several times, over a file, and mistyped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from hpo import cli
from tests.running import without_worker

SEARCH = ["search", "iris", "--trials", "4", "--rounds", "1", "--epochs", "1", "-q"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    with without_worker():
        yield


def test_flags_name_several_and_override_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("plan.toml").write_text('baseline = "learning_rate=0.5"\n')
    flags = ["--baseline", "learning_rate=0.1,weight_decay=1e-4", "--baseline", "default"]
    assert cli.run([*SEARCH, "--config", "plan.toml", *flags, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [baseline["params"] for baseline in said["baseline"]] == [
        {"learning_rate": 0.1, "weight_decay": 1e-4},
        {"learning_rate": 0.01, "weight_decay": 0.0},
    ]
    assert cli.run(["resume", "iris", "--trials", "8", "--baseline", "default", "-q"]) == 2
    _, error = capsys.readouterr()
    assert error.startswith("Error: baseline can't be changed from ")
    assert error.count("\n") == 1


@pytest.mark.parametrize("mistake", ["learnin_rate=1", "learning_rate=fast", "learning_rate=-1", "fast"])  # fmt: skip
def test_a_mistake_is_one_line_and_nothing_is_written(
    mistake: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run([*SEARCH, "--baseline", "default", "--baseline", mistake]) == 2
    out, error = capsys.readouterr()
    assert (out, error.count("\n")) == ("", 1)
    assert error.startswith("Error: baseline: ")
    assert not any(Path().iterdir())
