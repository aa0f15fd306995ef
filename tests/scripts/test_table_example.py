"""The page that leads from a table to predictions is true: its commands run, one after another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.markdown import blocks
from tests.running import Call

PAGE = Path(__file__).parents[2] / "scripts/examples/table.md"


FILES = {
    "flowers.csv", "flowers.html", "flowers.hpo", "flowers-card.html", "answers.csv", "hpo.db",
}  # fmt: skip
SMALL = "--trials 12 --rounds 1 --epochs 2"  # where the page has 60 trials


def commands() -> list[str]:
    return blocks(PAGE.read_text(encoding="utf-8"), "sh")


def test_its_commands_lead_from_a_table_to_predictions_in_small(
    call_hpo: Call, tmp_path: Path
) -> None:
    first, *ours = commands()
    subprocess.run(
        [sys.executable, "-c", first.partition("-c '")[2].rstrip("'\n")], cwd=tmp_path, check=True
    )
    assert len(ours) == 6
    for line in ours:
        done = call_hpo(line.strip().removeprefix("hpo ").replace("--trials 60", SMALL))
        assert done.status == 0, done.err
    assert {file.name for file in tmp_path.iterdir()} >= FILES


@pytest.mark.slow
def test_its_commands_lead_from_a_table_to_predictions(tmp_path: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands())],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert {file.name for file in tmp_path.iterdir()} >= FILES
    answers, labels = (pd.read_csv(tmp_path / name) for name in ("answers.csv", "flowers.csv"))
    assert (answers["prediction"] == labels["target"]).mean() > 0.9
    assert "one of 3 classes" in done.stdout
