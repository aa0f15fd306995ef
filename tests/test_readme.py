"""The README is true: its commands run, its Python runs, what it names is there, and it is short enough to be read.

Facts that the pages of docs/how_to hold are tested here as well, where reading a page is enough.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from hpo.plan.plan import make_plan
from tests.markdown import blocks, fenced
from tests.running import Call
from trainer.fields import SEARCHED

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
HOW_TO = {page.name: page.read_text(encoding="utf-8") for page in ROOT.glob("docs/how_to/*.md")}
WITH_PLANS = [name for name, text in HOW_TO.items() if fenced(text, "toml")]


def test_it_is_read_in_two_minutes_and_leads_to_every_answer() -> None:
    assert len(README.splitlines()) <= 120
    for folder in ("docs/how_to", "docs/tutorials"):
        pages = {path.name for path in (ROOT / folder).glob("*.md")}
        assert set(re.findall(rf"\({folder}/(\w+\.md)\)", README)) == pages


def test_every_hpo_command_runs_one_after_another(call_hpo: Call, tmp_path: Path) -> None:
    commands = [
        line
        for block in blocks(README, "sh")
        for line in block.splitlines()
        if line.startswith("hpo ")
    ]
    assert len(commands) == 3
    for command in commands:
        done = call_hpo(command.partition("#")[0].removeprefix("hpo "))
        assert done.status == 0, (command, done.err)
    assert (tmp_path / "digits.html").stat().st_size > 0


@pytest.mark.slow
def test_the_python_runs(tmp_path: Path) -> None:
    (block,) = blocks(README, "python")
    subprocess.run([sys.executable, "-W", "error", "-c", block], cwd=tmp_path, check=True)


@pytest.mark.parametrize("page", WITH_PLANS)
def test_a_plan_on_a_page_is_a_plan(page: str) -> None:
    for block in blocks(HOW_TO[page], "toml"):
        assert make_plan(tomllib.loads(block)).space


def test_the_page_on_spaces_has_a_plan_with_a_condition() -> None:
    assert "space.md" in WITH_PLANS
    (block,) = blocks(HOW_TO["space.md"], "toml")
    plan = make_plan(tomllib.loads(block))
    assert (plan.trials, plan.space["beta1"].when) == (60, {"optimizer": ("adam",)})


def test_the_page_on_spaces_names_all_that_a_search_can_set() -> None:
    page = HOW_TO["space.md"]
    sentence = page.partition("A search can set ")[2].partition("`hpo search --help`")[0]
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
