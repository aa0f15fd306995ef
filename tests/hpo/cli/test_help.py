"""Every `--help` fits a terminal and has examples, and these run, one after another, in one folder."""

from __future__ import annotations

import inspect
import re
import shlex
from pathlib import Path

import click
import optuna
import pytest
from click.testing import CliRunner

from hpo.cli import cli, run
from hpo.cli.options import OTHER
from hpo.plan.fields import FIELDS, GROUPS

COMMANDS: dict[str, click.Command] = {"": cli, **cli.commands}
TRAINER = """
def train(params, *, epochs, seed):
    for _ in range(epochs):
        yield {"accuracy": 1 - (params["rate"] - 0.01) ** 2}
"""


def examples(command: click.Command) -> list[str]:
    """The lines of a help text that begin with hpo, without what is said of them."""
    lines = re.findall(r"^hpo .*$", inspect.cleandoc(command.help or ""), re.M)
    return [line.partition("  ")[0] for line in lines]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_fits_a_terminal_and_shows_its_examples_as_they_are(name: str) -> None:
    shown = CliRunner().invoke(cli, [*([name] if name else []), "--help"], env={"COLUMNS": "80"})
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert max(map(len, lines)) <= 80
    found = examples(COMMANDS[name])
    assert [e for e in found if e.startswith(f"hpo {name}".rstrip())]
    for example in found:
        assert [line for line in lines if line.strip().partition("  ")[0] == example], example


def test_every_field_of_a_plan_is_a_flag_in_its_group_and_resume_shows_those_that_can_change() -> (
    None
):
    search, resume = (
        {p.name: p for p in COMMANDS[name].params if isinstance(p, click.Option)}
        for name in ("search", "resume")
    )
    assert FIELDS.keys() - search.keys() == {"source"}
    for name, option in resume.items():
        assert option.hidden == (name in FIELDS and FIELDS[name].change is None), name
    shown = CliRunner().invoke(cli, ["search", "--help"]).output
    sections = dict(re.findall(r"^(\w[\w ]+):\n((?:  .*\n)+)", shown, re.M))
    assert list(sections) == [*GROUPS, OTHER]
    for field in FIELDS.values():
        flag = f"--{field.name}".replace("_", "-") if field.name != "source" else "[SOURCE]"
        assert re.search(
            rf"^  {re.escape(flag)}\b|{re.escape(flag)} ", sections[field.group], re.M
        ), field.name


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the examples name: a table, a trainer, and a study that Optuna made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("HPO_STORAGE", raising=False)
    kinds = ("Adelie", "Gentoo", "Chinstrap")
    rows = [f"{kinds[i % 3]},{30 + i % 3 * 7 + i % 5}" for i in range(90)]
    Path("penguins.csv").write_text("\n".join(["species,bill_length_mm", *rows]))
    Path("my_model.py").write_text(TRAINER)
    database = optuna.storages.RDBStorage("sqlite:///hpo.db")
    theirs = optuna.create_study(study_name="optunas", storage=database, direction="maximize")
    theirs.optimize(lambda trial: trial.suggest_float("rate", 1e-5, 1, log=True), n_trials=10)
    database.remove_session()
    database.engine.dispose()


@pytest.mark.usefixtures("folder", "quiet_optuna")
@pytest.mark.slow
def test_every_example_of_every_help_runs(capfd: pytest.CaptureFixture[str]) -> None:
    ran = set()
    for command in COMMANDS.values():
        for example in examples(command):
            words = shlex.split(example)[1:]
            if example not in ran:
                assert run(words) == 0, (example, capfd.readouterr().err)
                ran.add(example)
    assert len(ran) >= len(COMMANDS)
    assert {"epochs.csv", "study.toml"} <= {path.name for path in Path.cwd().iterdir()}
