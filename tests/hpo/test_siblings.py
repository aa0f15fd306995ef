"""A file or folder of the user's with the name of one of our packages is named, in one line, by the first import."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import HPO, Run

SCRIPT = "import hpo\n"


@pytest.fixture(params=["trainer", "studies"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["file", "folder"])
def theirs(request: pytest.FixtureRequest, name: str, tmp_path: Path) -> Path:
    """What hides ours. It must not be run."""
    path = file = tmp_path / f"{name}.py"
    if request.param == "folder":
        path = tmp_path / name
        path.mkdir()
        file = path / "__init__.py"
    file.write_text("raise SystemExit('run')\n")
    return path


def run(*command: object, folder: Path, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=os.environ | environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_script_says_which_file_to_rename(theirs: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    status, err = run(sys.executable, "script.py", folder=tmp_path)
    assert status == 1
    *_, line = err.splitlines()
    assert line.startswith("ImportError: ")
    assert f"{theirs} " in line
    assert repr(name) in line


@pytest.mark.parametrize("command", [(HPO,), (sys.executable, "-m", "hpo")])
def test_the_command_says_that_line_alone(
    command: tuple[object, ...], theirs: Path, name: str, tmp_path: Path
) -> None:
    status, err = run(*command, "--help", folder=tmp_path, PYTHONPATH=str(tmp_path))
    assert (status, err.count("\n")) == (1, 1)
    assert err.startswith("Error: ")
    assert f"{theirs} " in err
    assert repr(name) in err


def test_a_script_of_that_name_says_so_too(tmp_path: Path) -> None:
    script = tmp_path / "trainer.py"
    script.write_text(SCRIPT)
    status, err = run(sys.executable, script, folder=tmp_path)
    assert status == 1
    assert f"{script} " in err.splitlines()[-1]


def test_a_folder_without_init_hides_nothing(tmp_path: Path) -> None:
    (tmp_path / "studies").mkdir()
    (tmp_path / "script.py").write_text(SCRIPT)
    assert run(sys.executable, "script.py", folder=tmp_path) == (0, "")


@pytest.mark.parametrize(
    ("name", "theirs"),
    [("trainer", "file"), pytest.param("studies", "folder", marks=pytest.mark.slow)],
    indirect=True,
)
@pytest.mark.usefixtures("theirs")
def test_the_command_does_not_look_in_the_folder_where_it_is_run(
    run_hpo: Run, tmp_path: Path
) -> None:
    """Not even where a trainer is found in that folder, and a second process reads the data."""
    (tmp_path / "mine.py").write_text("def train(params):\n    return params['x']\n")
    few = ("--trials", 4, "--rounds", 1, "--epochs", 1, "--finalists", 0, "-q")
    searches = ("--trainer", "mine:train", "--space", "x=0:1"), ("wine",)
    for which in searches:
        done = run_hpo("search", *which, *few)
        assert (done.returncode, done.stderr) == (0, "")
