"""The plan that `hpo init` writes: it works as it is, names every field, and says the true defaults."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from hpo import cli
from hpo.cli.template import template
from hpo.plan.fields import FIELDS
from hpo.plan.network import check_space
from hpo.plan.plan import Plan, default_space, make_plan
from tests.running import Call
from trainer.fields import SEARCHED

TEXT = template("study.toml")
BASELINE = [{"learning_rate": 0.01, "weight_decay": 0.0}]  # what default stands for
TOP, _, SPACE = TEXT.partition("[space]\n")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fields() -> dict[str, tuple[str, bool, object]]:
    """What is said of each field, whether it is left out, and its value there."""
    found = re.findall(r"((?:^# .*\n)+)^(#?)(\w+) = (.*)$", TOP, re.M)
    return {
        name: (" ".join(re.findall(r"^# (.*)$", said, re.M)), bool(out), tomllib.loads(f"x = {value}")["x"])
        for said, out, name, value in found
    }  # fmt: skip


def test_it_is_a_search_on_digits_by_all_defaults() -> None:
    assert make_plan(tomllib.loads(TEXT)) == make_plan({"source": "digits"})
    assert make_plan(tomllib.loads(TEXT)).space == default_space()


def test_it_names_every_field_once_with_its_default_and_what_it_is() -> None:
    assert sorted([*fields(), "space"]) == sorted(FIELDS)
    defaults = Plan(source="digits").model_dump(mode="json")
    for name, (said, left_out, value) in fields().items():
        assert said.endswith("."), name
        unset = FIELDS[name].default in (None, ())
        assert ("Not set: " in said) or name == "source" or not unset, name
        if not unset:
            assert value == defaults[name], name
        assert left_out or not unset or name == "source"


def test_every_line_that_is_left_out_can_be_taken_in() -> None:
    given: dict[str, Any] = {"source": "digits"}
    for name, (_, _, value) in fields().items():
        of_a_trainer = {"trainer": "m:f", "space": {"x": "0:1"}}
        fits: dict[str, Any] = {
            "trainer": {"space": {"x": "0:1"}},
            "program": {"space": {"learning_rate": "0:1"}},
            **dict.fromkeys(("direction", "trial_timeout", "trial_memory"), of_a_trainer),
        }
        others = fits.get(name, given)
        plan = make_plan(others | {name: value})
        kept = plan.model_dump(mode="json")[name]
        folder = str(Path.cwd())
        stored = {"baseline": BASELINE, "program": {"command": value, "folder": folder}}
        assert kept == stored.get(name, value), name
    assert all(re.search(rf"^# {name}: ", TOP, re.M) for name in SEARCHED)
    lines = re.findall(r"^#(\w.*)$", SPACE, re.M)
    for last in range(len(lines)):  # with those above it, which it may depend on
        check_space(make_plan(given | {"space": tomllib.loads("\n".join(lines[: last + 1]))}))


def test_it_is_written_once_and_never_over_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.run(["init"]) == 0
    assert cli.run(["init", "mine.toml"]) == 0
    assert capsys.readouterr() == ("", "study.toml written\nmine.toml written\n")
    assert Path("study.toml").read_text() == TEXT
    assert "hpo search --config mine.toml\n" in Path("mine.toml").read_text()
    Path("study.toml").write_text("trials = 5\n")
    assert cli.run(["init"]) == 1
    assert capsys.readouterr().err == (
        "Error: study.toml exists already: choose another name, or - to print a new plan\n"
    )
    assert Path("study.toml").read_text() == "trials = 5\n"
    assert cli.run(["init", "-"]) == 0
    assert capsys.readouterr() == (TEXT, "")
    assert cli.run(["init", "no/such/folder.toml"]) == 1
    assert capsys.readouterr().err.startswith("Error: can't write no/such/folder.toml: ")


def test_the_file_searches_as_it_is(call_hpo: Call) -> None:
    call_hpo("init")
    done = call_hpo("search --config study.toml --trials 4 --rounds 1 --epochs 1 -q")
    assert done.status == 0
    assert done.out.startswith("digits · complete · ")
