"""The command line: parse, call, print. What it prints is made in `text`, what moves while it runs in `progress`.

Results go to stdout, everything else to stderr. Heavy packages are imported by the command that needs them, so that
`hpo --help` answers at once.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import click

from hpo.cli.options import change_options, json_option, plan_options, run_options, storage_option
from hpo.cli.output import drawing, flush, no_room, say, write

DONE, ERROR, USAGE, NO_TRIAL_SUCCEEDED, HELD = 0, 1, 2, 3, 4


def main() -> NoReturn:
    """The `hpo` command."""
    gc.set_threshold(
        100_000
    )  # imports make many objects and no garbage: looking for it takes a tenth of them
    # By then everything is closed; taking the modules down one by one takes 0.3 s.
    os._exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command, turn what went wrong into one line, and return the exit status."""
    status: int
    try:
        status = cli.main(arguments, prog_name="hpo", standalone_mode=False) or DONE
        flush()
    except click.exceptions.NoArgsIsHelpError as no_command:
        no_command.show()
        status = USAGE
    except click.ClickException as error:
        where = (
            f" (see {error.ctx.command_path} --help)"
            if isinstance(error, click.UsageError) and error.ctx
            else ""
        )
        say(f"Error: {error.format_message()}{where}")
        status = error.exit_code
    except BrokenPipeError:  # the reader of our output has gone; nobody is left to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = ERROR
    except Exception as error:  # turned into one line if it is ours; raised again if it is a bug
        status, message = _told(error)
        say(f"Error: {message}")
    with suppress(OSError):  # what can't be printed was told above
        flush()
    return status


def _told(error: Exception) -> tuple[int, str]:
    """The exit status and the line for an error of ours. Anything else is a bug: its traceback is wanted."""
    unwritten = no_room(error)
    if unwritten is not None:
        return ERROR, unwritten
    modules = sys.modules  # what was not imported can't have been raised
    ours = {
        ("hpo.config", "PlanError"): USAGE,
        ("hpo.loop", "TooManyFailuresError"): ERROR,
        ("trainer.data", "DataError"): ERROR,
        ("studies.engine", "StoreError"): ERROR,
        ("studies.lease", "LeaseError"): HELD,
    }
    for (module, name), status in ours.items():
        if module in modules and isinstance(error, getattr(modules[module], name)):
            return status, str(error)
    raise error


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hpo")
def cli() -> None:
    """Hyperparameter search that narrows its ranges round by round, on evidence.

    \b
    hpo search digits                 search, and keep every trial in hpo.db
    hpo report digits -o digits.html  see what was found
    """


@cli.command()
@click.argument("source", required=False)
@click.option("--name", help="The study's name. [default: the source's, numbered where taken]")
@plan_options
@run_options
def search(
    config: Path | None,
    name: str | None,
    storage: str,
    space: tuple[str, ...],
    workers: int | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Search for the best settings of a network on SOURCE, and store every trial.

    SOURCE is digits, breast_cancer, wine, iris, diabetes, a .csv, .tsv or .parquet file, or mnist:DIR.
    With --trainer, a function of yours trains instead: python -m pydoc hpo.functions tells how.

    \b
    hpo search digits --trials 60 --seed 1
    hpo search penguins.csv --target species
    hpo search --trainer my_model:train --space rate=1e-5:1:log
    """
    from contextlib import nullcontext

    from trainer.read_apart import Reader

    # Before anything slow is imported here.
    with Reader() if flags["trainer"] is None else nullcontext() as reader:
        import hpo
        from hpo.cli.ahead import warm_up
        from hpo.config import make_plan

        fields = _plan_fields(config, space, flags)
        if not config and not fields.keys() & {"source", "trainer"}:
            raise click.UsageError("give a SOURCE, such as digits or table.csv (or in --config)")
        plan = make_plan(fields, str(config) if config else "")
        warm_up()

        def run(watcher: Any) -> Any:
            return hpo.start(
                plan,
                name=name,
                storage=storage,
                workers=workers,
                watcher=watcher,
                load=reader.load if reader else None,
            )

        _run_and_print(run, storage, quiet=quiet, verbose=verbose, as_json=as_json)


@cli.command()
@click.argument("name")
@click.option("--take-over", is_flag=True, help="Take the study from the process that holds it.")
@change_options
@run_options
def resume(
    name: str,
    take_over: bool,
    config: Path | None,
    space: tuple[str, ...],
    storage: str,
    workers: int | None,
    quiet: bool,
    verbose: bool,
    as_json: bool,
    **flags: Any,
) -> None:
    """Go on with the study NAME, by its stored plan, to the same end as if it had never stopped.

    What is given beside is changed about the plan from here on, and told before.

    \b
    hpo resume digits
    hpo resume digits --trials 200
    hpo resume digits --trials 200 --space learning_rate=1e-6:10:log
    hpo resume optunas --trainer my_model:train --trials 200
    """
    import hpo

    changed = _plan_fields(config, space, flags)

    def run(watcher: Any) -> Any:
        return hpo.resume(
            name,
            storage=storage,
            workers=workers,
            take_over=take_over,
            watcher=watcher,
            **changed,
        )

    _run_and_print(run, storage, quiet=quiet, verbose=verbose, as_json=as_json)


@cli.command(name="list")
@storage_option
@json_option
def list_studies(storage: str, as_json: bool) -> None:
    """List the studies of a database.

    \b
    hpo list --storage sqlite:///hpo.db
    """
    from hpo.cli import text
    from studies import load, names

    summaries = [load(name, storage).summary() for name in names(storage)]
    if as_json:
        keys = ("study", "state", "metric", "direction", "directions", "trials", "best")
        click.echo(_json([{key: said[key] for key in keys if key in said} for said in summaries]))
    else:
        text.show(text.studies_table(summaries))


@cli.command()
@click.argument("name")
@click.argument("trial", type=int)
@storage_option
@json_option
def reproduce(name: str, trial: int, storage: str, as_json: bool) -> None:
    """Train TRIAL of the study NAME once more, alone, and compare every number; exit status 1 if one differs.

    \b
    hpo reproduce digits 17
    """
    from dataclasses import asdict

    import hpo
    from hpo.cli import text

    found = hpo.reproduce(name, trial, storage=storage)
    if as_json:
        difference = found.difference and found.difference._asdict()
        click.echo(_json({"identical": found.identical, **asdict(found), "difference": difference}))
    else:
        text.show(*text.reproduced(found))
    if not found.identical:
        raise click.exceptions.Exit(ERROR)


@cli.command()
@click.argument("name")
@storage_option
@json_option
def show(name: str, storage: str, as_json: bool) -> None:
    """Show what the study NAME has found: the best settings, and how the ranges moved and why.

    \b
    hpo show digits
    """
    from hpo.cli import text
    from studies import load

    study = load(name, storage)
    click.echo(_json(study.summary())) if as_json else text.show(*text.summary(study))


@cli.command()
@click.argument("name")
@click.option(
    "--table", type=click.Choice(["trials", "epochs", "rounds", "finalists"]), default="trials"
)
@click.option(
    "format_", "--format", type=click.Choice(["csv", "json", "parquet"]), default="csv",
    help="JSON is one object a line.",
)  # fmt: skip
@click.option("output", "-o", type=click.Path(path_type=Path), help="A file; else stdout.")
@storage_option
def export(name: str, table: str, format_: str, output: Path | None, storage: str) -> None:
    """Export a table of the study NAME, every digit of every number.

    \b
    hpo export digits --table epochs -o epochs.csv
    """
    from studies import export as exports
    from studies import load

    study = load(name, storage)
    frame = getattr(study, f"{table}_frame")()
    content = exports.FORMATS[format_](frame)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        write(output, content)


@cli.command()
@click.argument("name")
@click.option(
    "output", "-o", type=click.Path(path_type=Path), required=True, metavar="FILE.html",
    help="Where the page is written.",
)  # fmt: skip
@storage_option
def report(name: str, output: Path, storage: str) -> None:
    """Write a one-file HTML report of the study NAME.

    \b
    hpo report digits -o digits.html
    """
    from studies import load

    with drawing(output.parent):
        page = load(name, storage).report()
    write(output, page.encode())
    say(f"{output} written")


@cli.command()
@click.option("--yes", is_flag=True, help="Of a server's database: there is a backup of it.")
@storage_option
def upgrade(yes: bool, storage: str) -> None:
    """Bring the tables of an older database to the newest version, with a copy kept beside it.

    \b
    hpo upgrade --storage sqlite:///hpo.db
    """
    from hpo.signals import signals
    from studies.upgrade import upgrade as bring_up

    with signals.later():
        done = bring_up(storage, without_backup=yes)
    click.echo(done)


def _run_and_print(
    run: Callable[[Any], Any], storage: str, *, quiet: bool, verbose: bool, as_json: bool
) -> None:
    from hpo.cli import text
    from hpo.cli.progress import watching

    with watching(quiet=quiet, verbose=verbose, storage=storage) as watcher:
        study = run(watcher)
    if as_json:
        click.echo(_json(study.summary()))
    else:
        text.show(*text.summary(study))
    if study.best is None:
        say("Error: no trial succeeded; all of them failed or diverged")
        raise click.exceptions.Exit(NO_TRIAL_SUCCEEDED)


def _plan_fields(
    config: Path | None, space: tuple[str, ...], flags: dict[str, Any]
) -> dict[str, Any]:
    """The fields of a plan that are given, in a file or by flags, which override it."""
    fields: dict[str, Any] = {}
    if config:
        from hpo.config import read_toml

        fields = read_toml(config)
    fields |= {key: value for key, value in flags.items() if value is not None}
    if space:
        fields["space"] = dict(map(_named_range, space))
    return fields


def _named_range(text: str) -> tuple[str, str]:
    name, equals, given = text.partition("=")
    if not (name and equals and given):
        raise click.UsageError(f"--space {text!r}: write NAME=LOW:HIGH[:log][:int] or NAME=a,b,c")
    return name, given


def _json(data: Any) -> str:
    return json.dumps(data, indent=2, allow_nan=False)
