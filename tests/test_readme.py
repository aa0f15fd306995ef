"""The README is true: its commands run, its Python runs, its plan is a plan, and its JSON fields are those printed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hpo.plan.plan import make_plan
from tests.markdown import blocks
from tests.running import Call
from trainer.fields import SEARCHED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


@pytest.fixture
def penguins(tmp_path: Path) -> None:
    """A small table with the columns that the README names."""
    species = ("Adelie", "Gentoo", "Chinstrap")
    lines = [
        f"{species[i % 3]},{30 + i % 3 * 7 + i % 5},{3000 + 700 * (i % 3) + 10 * i}"
        for i in range(90)
    ]
    lines[5] = "Adelie,,3200"
    text = "\n".join(["species,bill_length_mm,body_mass_g", *lines])
    (tmp_path / "penguins.csv").write_text(text)


@pytest.mark.usefixtures("penguins")
def test_every_hpo_command_runs_one_after_another(call_hpo: Call, tmp_path: Path) -> None:
    commands = [
        line
        for block in blocks(README, "sh")
        for line in block.splitlines()
        if line.startswith("hpo ")
    ]
    assert len(commands) >= 9
    for command in commands:
        done = call_hpo(command.partition("#")[0].removeprefix("hpo "))
        assert done.status == 0, (command, done.err)
    assert {"digits.html", "epochs.csv"} <= {path.name for path in tmp_path.iterdir()}


@pytest.mark.slow
def test_the_python_runs(tmp_path: Path) -> None:
    for block in blocks(README, "python"):
        subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=tmp_path, check=True)
    assert (tmp_path / "first.html").stat().st_size > 0


def test_the_plan_is_a_plan() -> None:
    for block in blocks(README, "toml"):
        assert make_plan(tomllib.loads(block)).trials == 60


def test_it_names_all_that_a_search_can_set() -> None:
    sentence = README.partition("A search can set ")[2].partition("`hpo search --help`")[0]
    assert set(re.findall(r"`(\w+)`", sentence)) == SEARCHED.keys()


def test_the_json_fields_are_those_that_are_printed(call_hpo: Call) -> None:
    done = call_hpo(
        "search wine --trials 20 --folds 2 --rounds 1 --epochs 1 --baseline default --json"
    )
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    table = page.partition("print one object:")[2].partition("`hpo list --json`")[0]
    documented = [
        name
        for row in re.findall(r"^\| (`.*?) \|", table, re.M)
        for name in re.findall(r"`(\w+)`", row)
    ]
    assert documented == list(json.loads(done.out))


def test_the_scripts_it_names_are_there_and_can_be_run() -> None:
    for name in set(re.findall(r"scripts/\w+", README)) - {"scripts/bench"}:
        assert (ROOT / name).stat().st_mode & 0o111, name
    assert (ROOT / "scripts/bench/RESULTS.md").is_file()
