"""What tests of programs begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hpo.trainables.programs import Write


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a shell script as the program `train` of the current folder."""
    monkeypatch.chdir(tmp_path)

    def written(script: str) -> Path:
        path = tmp_path / "train"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return written
