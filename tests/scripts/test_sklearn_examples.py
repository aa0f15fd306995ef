"""The examples with scikit-learn, and the one with a loop of one's own, run and come to good settings."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "scripts" / "examples"


def printed(name: str, *arguments: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / name, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert not list(folder.iterdir())  # it leaves nothing behind
    return done.stdout


@pytest.mark.slow
def test_a_pipeline_is_cross_validated(tmp_path: Path) -> None:
    lines = printed("sklearn_pipeline.py", folder=tmp_path)
    scores = [float(score) for score in re.findall(r"(0\.\d{4})\b", lines)]
    assert len(scores) == 4  # validated and on unseen rows, by hpo and by Optuna
    assert min(scores) > 0.96


@pytest.mark.slow
def test_trees_are_boosted(tmp_path: Path) -> None:
    lines = printed("gradient_boosting.py", "40", folder=tmp_path).splitlines()
    assert [line.split()[0] for line in lines] == ["hpo", "Optuna"]
    (loss,) = re.findall(r"(0\.\d+), \(", lines[0])  # the mean, before its interval
    assert 0.05 < float(loss) < 0.2


@pytest.mark.slow
def test_a_loop_asks_and_tells(tmp_path: Path) -> None:
    found = re.search(r"mean (\d\.\d+)", printed("ask_and_tell.py", folder=tmp_path))
    assert found is not None
    assert float(found[1]) > 0.9


@pytest.mark.parametrize("name", ["sklearn_pipeline", "gradient_boosting", "ask_and_tell"])
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 60
