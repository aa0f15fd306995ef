"""The commands that train: search, resume, confirm and reproduce."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hpo.cli.completing import sources, study_names
from hpo.cli.options import (
    Grouped,
    confirm_options,
    json_option,
    plan_options,
    run_options,
    storage_option,
)
from hpo.cli.output import json_text, say, stdout_for_results
from hpo.cli.signals import signals
from hpo.cli.statuses import ERROR, NO_TRIAL_SUCCEEDED
from hpo.plan.fields import RANGE
from hpo.plan.place import Place, make_place

if TYPE_CHECKING:
    from studies.study import Study


@click.command(cls=Grouped)
@click.argument("source", required=False, shell_complete=sources)
@click.option(
    "--name", help="The study's name. [default: the data's or the function's, numbered where taken]"
)
@plan_options
@run_options
def search(
    config: Path | None,
    name: str | None,
    storage: str,
    space: tuple[str, ...],
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Search for the best settings of a network on SOURCE, and store every trial.

    With --trainer, a function of yours trains instead, each trial in a process of its own, and with --program a program
    in any language; see python -m pydoc hpo.trainables.function, or hpo.trainables.program.

    \b
    hpo search wine --trials 60 --seed 1
    hpo search penguins.csv --target species
    hpo search --trainer my_model.py:train --space rate=1e-5:1:log
    hpo search --program './train --lr {rate}' --space rate=1e-5:1:log
    """
    from contextlib import nullcontext

    from trainer.data.remote import MODULES
    from trainer.worker import AVAILABLE, Worker

    place = _place(flags)
    # The worker starts before anything slow is imported here.
    network = flags["trainer"] is None and flags["program"] is None
    with Worker(*MODULES) if AVAILABLE and network else nullcontext() as worker:
        from hpo import operations
        from hpo.cli.ahead import warm_up
        from hpo.plan.plan import make_plan

        fields = _plan_fields(config, space, flags)
        if not config and not fields.keys() & {"source", "trainer", "program"}:
            raise click.UsageError(
                "give a SOURCE, such as digits or table.csv, --trainer or --program (or in --config)"
            )
        plan = make_plan(fields, str(config) if config else "")
        warm_up()

        run = partial(
            operations.start,
            plan,
            name=name,
            storage=storage,
            place=place,
            worker=worker,
        )
        _run_and_print(run, storage, quiet=quiet, verbose=verbose, as_json=as_json)


@click.command(cls=Grouped)
@click.argument("name", shell_complete=study_names)
@click.option("--take-over", is_flag=True, help="Take the study from the process that holds it.")
@partial(plan_options, changes=True)
@run_options
def resume(
    name: str,
    take_over: bool,
    config: Path | None,
    space: tuple[str, ...],
    storage: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Go on with the study NAME by its stored plan, with the same result as if it had never stopped.

    Options change the plan from here on. The meaning of each change is shown before it is made.

    \b
    hpo resume digits
    hpo resume digits --trials 120
    hpo resume digits --trials 150 --space learning_rate=1e-6:10:log
    hpo resume optunas --trainer my_model.py:train --trials 50
    """
    from hpo import operations

    place = _place(flags)
    changed = _plan_fields(config, space, flags)
    run = partial(
        operations.resume,
        name,
        storage=storage,
        place=place,
        take_over=take_over,
        **changed,
    )
    _run_and_print(run, storage, quiet=quiet, verbose=verbose, as_json=as_json)


@click.command(cls=Grouped)
@click.argument("name", shell_complete=study_names)
@click.option(
    "--trainings", type=int, required=True, metavar="N", help="How many more trainings confirm."
)
@click.option("--take-over", is_flag=True, help="Take the study from the process that holds it.")
@confirm_options
@run_options
def confirm(
    name: str,
    trainings: int,
    storage: str,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train the best settings of the study NAME again on fresh seeds and splits, and say which to take.

    The better settings race: the worse ones leave from stage to stage. No new settings are drawn, and the trials of the
    study stay as they are. A study that Optuna made needs a trainer, a function of yours that takes the parameters; see
    python -m pydoc hpo.trainables.function.

    \b
    hpo confirm digits --trainings 20
    hpo confirm optunas --trainings 20 --trainer my_model.py:train
    """
    from hpo import operations

    place = _place(options)
    fields = _given(options)
    run = partial(operations.confirm, name, trainings, storage=storage, place=place, **fields)
    _run_and_print(run, storage, quiet=quiet, verbose=verbose, as_json=as_json)


@click.command()
@click.argument("name", shell_complete=study_names)
@click.argument("trial", type=int)
@storage_option
@json_option
def reproduce(name: str, trial: int, storage: str, as_json: bool) -> None:
    """Train TRIAL of the study NAME once more, alone, and compare every number; exit status 1 if one differs.

    \b
    hpo reproduce digits 17
    """
    from dataclasses import asdict

    from hpo import operations
    from hpo.display.reproduced import reproduced
    from hpo.display.text import show

    with stdout_for_results():
        result = operations.reproduce(name, trial, storage=storage)
    if as_json:
        difference = result.difference and result.difference._asdict()
        fields = {"identical": result.identical, **asdict(result), "difference": difference}
        click.echo(json_text(fields))
    else:
        show(*reproduced(result))
    if not result.identical:
        raise click.exceptions.Exit(ERROR)


def _run_and_print(
    run: Callable[..., Study], storage: str, *, quiet: bool, verbose: bool, as_json: bool
) -> None:
    from rich.console import Console

    from hpo.display.commands import resume_command
    from hpo.display.summary import ended_early, summary
    from hpo.display.terminal import Progress
    from hpo.display.text import show
    from hpo.errors import NoTrialSucceededError, TooManyFailuresError
    from hpo.run.cancel import Cancel
    from studies.loading import load

    cancel, failure = Cancel(), None
    console = Console(stderr=True, highlight=False)
    with (
        stdout_for_results(),
        signals.cancelling(cancel, lambda study: resume_command(study, storage)),
        Progress(console, quiet=quiet, verbose=verbose) as watcher,
    ):
        try:
            study = run(watcher=watcher, cancel=cancel)
        except TooManyFailuresError as error:
            study = load(watcher.study, storage)
            failure = None if isinstance(error, NoTrialSucceededError) else error
    if as_json:
        click.echo(json_text(study.summary()))
    elif failure is None:
        show(*summary(study))
    if failure is not None:
        raise failure
    if study.best is None:
        say(f"Error: no trial succeeded: {ended_early(study.read())}")
        raise click.exceptions.Exit(NO_TRIAL_SUCCEEDED)


def _plan_fields(
    config: Path | None, space: tuple[str, ...], flags: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a plan from a file and from flags, which override it."""
    fields: dict[str, Any] = {}
    if config:
        from hpo.plan.toml import read_toml

        fields = read_toml(config)
    fields |= _given(flags)
    if space:
        named = list(map(_named_range, space))
        fields["space"] = dict(named)
        for name in fields["space"]:
            ranges = [
                t.partition("=")[2] for t, (n, _) in zip(space, named, strict=True) if n == name
            ]
            if ranges[1:]:
                raise click.UsageError(f"--space {name} is there twice: {' and '.join(ranges)}")
    return fields


def _place(flags: dict[str, Any]) -> Place:
    """Where a search trains, taken out of the flags."""
    return make_place(
        **{name: flags.pop(name) for name in ("workers", "executor", "devices", "folder")}
    )


def _given(flags: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in flags.items() if value not in (None, ())}


def _named_range(text: str) -> tuple[str, Any]:
    """A parameter's name, and its range as text; or the parameter, if it has a condition."""
    left, _, values = text.partition("=")
    name, is_conditional, choice = left.partition("@")
    if not (name and values):
        raise click.UsageError(f"--space {text!r}: write NAME={RANGE} or NAME=a,b,c")
    if not is_conditional:
        return name, values
    from hpo.plan.notation import parse_conditional

    try:
        return name, parse_conditional(f"{choice}={values}")
    except ValueError as error:
        raise click.UsageError(f"--space {name}: {error}") from None
