"""The options of the command line: those that several commands have, and the fields of a plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hpo.cli.completing import choices
from studies import DEFAULT_STORAGE

F = TypeVar("F", bound=Callable[..., Any])


def storage_option(command: F) -> F:
    """--storage, as every command has it."""
    return click.option(
        "--storage",
        envvar="HPO_STORAGE",
        default=DEFAULT_STORAGE,
        show_default=True,
        show_envvar=True,
        metavar="URL",
        help="Database with the studies.",
    )(command)


def json_option(command: F) -> F:
    """--json, for every command that shows data."""
    return click.option("as_json", "--json", is_flag=True, help="Print JSON on stdout.")(command)


def run_options(command: F) -> F:
    """What a search takes however it was begun."""
    for option in (
        click.option("-v", "--verbose", is_flag=True, help="Also tell of every batch."),
        click.option("-q", "--quiet", is_flag=True, help="No progress on stderr."),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="Threads that train; changes no number. [default: one a core]",
        ),
    ):
        command = option(command)
    return json_option(storage_option(command))


def _field(*names: str, **attributes: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    return names, attributes


PLAN = (
    _field("--target", metavar="COLUMN", help="The label column of a table."),
    _field("--trainer", metavar="MODULE:FUNCTION", help="A trainer of yours; then no SOURCE."),
    _field(
        "--config",
        type=click.Path(path_type=Path),
        metavar="FILE.toml",
        help="The whole plan; flags override it.",
    ),
    _field("--trials", type=int, help="Trainings in all. [default: 100]"),
    _field("--rounds", type=int, help="Rounds to narrow in. [default: 3; 2 with --halving]"),
    _field("--epochs", type=int, help="Epochs a trial is trained. [default: 10]"),
    _field("--seed", type=int, help="The same seed gives the same study. [default: 0]"),
    _field(
        "space",
        "--space",
        multiple=True,
        metavar="NAME=RANGE",
        help="LOW:HIGH[:log][:int] or a,b,c; repeatable; takes the place of the default space. "
        "[default: learning_rate=1e-5:1:log weight_decay=1e-8:0.1:log]",
    ),
    _field(
        "--metric",
        shell_complete=choices("metric"),
        help="accuracy, balanced_accuracy, log_loss or roc_auc; rmse, mae or r2; or loss. "
        "[default: accuracy or rmse, by the labels] Or whatever a trainer of yours tells.",
    ),
    _field(
        "--direction",
        shell_complete=choices("direction"),
        help="maximize or minimize what a trainer of yours tells. [default: maximize]",
    ),
    _field(
        "--sampler",
        shell_complete=choices("sampler"),
        help="thompson, tpe, sobol, random, gp or cmaes. [default: thompson; sobol with --halving]",
    ),
    _field(
        "extend",
        "--no-extend",
        flag_value=False,
        type=bool,
        default=None,
        help="Never go beyond the ranges given.",
    ),
    _field(
        "--max-failures", type=int, metavar="N", help="Stop after more than N errors of a trainer."
    ),
    _field(
        "--halving",
        type=int,
        metavar="ETA",
        help="Train on the best 1/ETA of a batch at 1/ETA³, 1/ETA² and 1/ETA of the epochs.",
    ),
    _field(
        "--finalists",
        type=int,
        metavar="K",
        help="Settings to confirm; 0: none. [default: by trials]",
    ),
    _field(
        "--repeats",
        type=int,
        metavar="S",
        help="Trainings for each finalist on average, of the trials in all. [default: by trials]",
    ),
    _field("--timeout", type=float, metavar="SECONDS", help="Begin nothing after so long."),
    _field(
        "--patience", type=int, metavar="R", help="Stop when R rounds brought less than the noise."
    ),
    _field("--hidden", metavar="100,100", help="Units of each hidden layer. [default: 50]"),
    _field(
        "--activation",
        shell_complete=choices("activation"),
        help="relu, leaky_relu, tanh, sigmoid, gelu or identity. [default: relu]",
    ),
    _field(
        "--optimizer",
        shell_complete=choices("optimizer"),
        help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw. [default: momentum]",
    ),
    _field("--batch-size", type=int, help="Rows in a minibatch. [default: 32]"),
    _field(
        "--batch-norm",
        flag_value=True,
        type=bool,
        default=None,
        help="Normalize every hidden layer.",
    ),
    _field("--dropout", type=float, help="Share of hidden units left out. [default: 0]"),
    _field("--rows", type=int, metavar="N", help="Search on N rows, drawn once."),
)

CHANGES = {
    "--trainer": "What trains a study that Optuna made.",
    "--trials": "Trainings in all, old ones included.",
    "--space": "A wider range, or with more choices, than the study has; repeatable.",
    "--timeout": None,
    "--patience": None,
    "--max-failures": None,
    "--no-extend": None,
    "--config": "The plan, changed; flags override it.",
}
"""What can be changed about a stored study, and its help where that is another than a new one's."""


def plan_options(command: F) -> F:
    """The fields of a plan."""
    for names, attributes in reversed(PLAN):
        command = click.option(*names, **attributes)(command)
    return command


def change_options(command: F) -> F:
    """The fields of a plan, to change a stored one; those that can't be are hidden, and refused with a reason."""
    for names, attributes in reversed(PLAN):
        given = dict(attributes)
        if names[-1] not in CHANGES:
            given["hidden"] = True
        elif CHANGES[names[-1]] is not None:
            given["help"] = CHANGES[names[-1]]
        command = click.option(*names, **given)(command)
    return command
