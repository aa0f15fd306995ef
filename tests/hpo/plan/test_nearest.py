"""Whoever mistypes a name is told which one is nearest, wherever names are given."""

# Law 9: errors and misunderstandings are said.

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from hpo import cli
from studies import Study
from tests.running import without_worker

MISTYPED: list[tuple[str, int, str]] = [
    ("serach digits", 2, "Error: No such command 'serach'. Did you mean 'search'? (see hpo --help)"),
    ("list --stroage x", 2, "Error: No such option '--stroage'. Did you mean '--storage'? (see hpo list --help)"),
    ("search digit", 1, "Error: unknown source 'digit': did you mean 'digits'?"),
    ("search t.csv --target speces", 1, "Error: t.csv has no column 'speces': did you mean 'species'?"),
    ("search digits --metric Acuracy", 2,
     "Error: metric 'Acuracy' is not one of accuracy, balanced_accuracy, log_loss, roc_auc, rmse, mae, r2, loss; "
     "did you mean 'accuracy'?"),
    ("search digits --sampler tpee", 2,
     "Error: sampler: 'tpee' is not one of model, thompson, tpe, sobol, random, gp, cmaes; "
     "did you mean 'tpe'?"),
    ("search digits --activation swish", 2,
     "Error: activation: 'swish' is not one of relu, leaky_relu, tanh, sigmoid, gelu, identity"),
    ("search digits --space learning_rat=0:1", 2,
     "Error: space.learning_rat: the network has no such parameter; did you mean 'learning_rate'?"),
    ("search digits --space activation=rleu,tanh", 2,
     "Error: space.activation: 'rleu' is not one of relu, leaky_relu, tanh, sigmoid, gelu, identity; "
     "did you mean 'relu'?"),
    ("search --config epoch.toml", 2, "Error: epoch.toml: epoch: there is no such field; did you mean 'epochs'?"),
    ("search --config end.toml", 2, "Error: end.toml: space.x: there is no 'hihg': did you mean 'high'?"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "status", "line"), MISTYPED)
def test_a_mistyped_name_is_told_with_the_nearest(
    command: str,
    status: int,
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("size,species\n1,a\n2,b\n")
    Path("epoch.toml").write_text('source = "digits"\nepoch = 3\n')
    Path("end.toml").write_text('source = "digits"\nspace.x = {low = 1, hihg = 2}\n')
    with without_worker():
        assert cli.run(shlex.split(command)) == status
    assert capsys.readouterr() == ("", f"{line}\n")


def test_a_mistyped_study_is_told_with_the_nearest(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["show", "smal", "--storage", study.storage]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.endswith(": did you mean 'small'?\n")
