"""The page that leads from a table to predictions is true: its commands run, one after another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.markdown import blocks

PAGE = Path(__file__).parents[2] / "scripts/examples/table.md"


def test_its_commands_lead_from_a_table_to_predictions(tmp_path: Path) -> None:
    commands = blocks(PAGE.read_text(encoding="utf-8"), "sh")
    assert len([block for block in commands if block.startswith("hpo ")]) == 6
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(commands)],
        cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files = {
        "flowers.csv",
        "flowers.html",
        "flowers.hpo",
        "flowers-card.html",
        "answers.csv",
        "hpo.db",
    }
    assert files <= {file.name for file in tmp_path.iterdir()}
    answers, labels = (pd.read_csv(tmp_path / name) for name in ("answers.csv", "flowers.csv"))
    assert (answers["prediction"] == labels["target"]).mean() > 0.9
    assert "one of 3 classes" in done.stdout
