"""`hpo delete`: asks on a terminal, does as it is told elsewhere."""

from __future__ import annotations

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest

import studies
from studies import Study
from tests.running import HPO, Call
from tests.studies.stores import add


@pytest.fixture
def file(study: Study, tmp_path: Path) -> str:
    """The URL of a copy of the small study in the test's folder."""
    shutil.copy(study.storage.removeprefix("sqlite:///"), tmp_path / "hpo.db")
    return f"sqlite:///{tmp_path / 'hpo.db'}"


def test_it_deletes_one_study_and_says_so(file: str, call_hpo: Call) -> None:
    wrong = call_hpo("delete smal")
    assert (wrong.status, wrong.out) == (1, "")
    assert "did you mean 'small'?" in wrong.err
    done = call_hpo("delete small")
    assert (done.status, done.err) == (0, "")
    assert done.out == "study 'small' with 45 trials was deleted\n"
    assert studies.names(file) == []


@pytest.mark.parametrize(
    ("answer", "status", "left"), [("y\n", 0, []), ("\n", 1, ["small"]), ("\x04", 1, ["small"])]
)
def test_on_a_terminal_it_asks(answer: str, status: int, left: list[str], file: str) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [HPO, "delete", "small", "--storage", file], stdin=theirs,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        os.close(theirs)
        os.write(ours, answer.encode())
        _, error = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == status
    assert f"Delete study 'small' in {file}? [y/N]: " in error
    assert ("Nothing was deleted." in error) == bool(status)
    assert studies.names(file) == left


def test_a_study_of_somebody_else_needs_yes_and_is_not_mine(
    call_hpo: Call, storage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in ("anna", "ben"):
        monkeypatch.setenv("HPO_USER", user)
        add(storage, f"of-{user}")
    monkeypatch.setenv("HPO_STORAGE", storage)
    assert [s["study"] for s in json.loads(call_hpo("list --mine --json").out)] == ["of-ben"]
    assert "anna" in call_hpo("list").out
    refused = call_hpo("delete of-anna")
    assert (refused.status, "belongs to anna" in refused.err) == (1, True)
    assert call_hpo("delete of-ben").status == call_hpo("delete of-anna --yes").status == 0
    assert studies.names(storage) == []
