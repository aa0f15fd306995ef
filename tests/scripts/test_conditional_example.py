"""The example with conditional parameters runs, and each trial has what applies in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import studies

EXAMPLE = Path(__file__).parents[2] / "scripts" / "examples" / "conditional_optimizers.py"


@pytest.mark.slow
def test_optimizers_have_numbers_of_their_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["hpo", "Optuna"]
    storage = f"sqlite:///{tmp_path / 'hpo.db'}"
    (name,) = studies.names(storage)
    study = studies.load(name, storage)
    assert study.summary()["trials"]["failed"] == 0
    frame, sgd = study.trials_frame(), study.trials_frame()["solver"] == "sgd"
    assert frame["momentum"].notna().equals(sgd)
    assert frame["beta_1"].isna().equals(sgd)
    assert study.recommended is not None
    assert (study.recommended.mean or 0.0) > 0.9


def test_the_example_is_short() -> None:
    assert len(EXAMPLE.read_text(encoding="utf-8").splitlines()) < 60
