"""The commands that read what is stored: list, show, export and report."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from hpo.cli.completing import study_names
from hpo.cli.options import json_option, storage_option
from hpo.cli.output import STDOUT, drawing, json_text, say, show_page, write, writing
from studies.words import file_name


@click.command(name="list")
@click.option(
    "--mine", is_flag=True, help="Only those that you began: by HPO_USER, else by your login."
)
@storage_option
@json_option
def list_studies(mine: bool, storage: str, as_json: bool) -> None:
    """List the studies of a database, or of a service.

    \b
    hpo list --storage sqlite:///hpo.db
    hpo list --storage http://127.0.0.1:8517
    hpo list --mine
    """
    from studies.database import served
    from studies.database.engine import is_served, now
    from studies.database.listing import listing
    from studies.database.owner import current_user

    me = served.owner(storage) if is_served(storage) else current_user()
    if mine and me is None:
        raise click.ClickException("the system has no name for you: give one by HPO_USER")
    stored = listing(storage)
    if mine:
        stored = [study for study in stored if study.owner == me]
    if as_json:
        click.echo(json_text([study.as_mapping() for study in stored]))
        return
    if mine and not stored:
        click.echo(f"no studies of {me} yet")
        return
    from hpo.display.listing import studies_table
    from hpo.display.text import show as print_parts

    print_parts(studies_table(stored, now(), shutil.get_terminal_size().columns, me=me))


@click.command()
@click.argument("name", shell_complete=study_names)
@click.argument("trial", type=int, required=False)
@storage_option
@json_option
def show(name: str, trial: int | None, storage: str, as_json: bool) -> None:
    """Show the results of the study NAME: the best settings, and how the ranges moved and why.

    Of a TRIAL, show its settings and its curve, what it printed, and the error that it failed with. Of a model, a file
    whose name ends in .hpo, show what it answers from which columns, and how good it is.

    \b
    hpo show digits
    hpo show digits 17
    hpo show penguins.hpo
    """
    from studies import load

    if name.endswith(".hpo") and Path(name).is_file() and trial is None:
        _show_model(name, as_json=as_json)
        return

    study = load(name, storage)
    if as_json:
        shown = study.summary() if trial is None else study.trial(trial).as_mapping()
        click.echo(json_text(shown))
        return
    from hpo.display.text import show as print_parts

    if trial is None:
        from hpo.display.summary import summary

        print_parts(*summary(study))
    else:
        from hpo.display.trial import of_trial

        print_parts(*of_trial(study.trial(trial)))


def _show_model(file: str, *, as_json: bool) -> None:
    from hpo import models
    from hpo.display.model import of_model
    from hpo.display.text import show as print_parts
    from trainer import load

    facts = models.facts_of(load(file))
    if as_json:
        click.echo(json_text(facts))
    else:
        print_parts(*of_model(file, facts))


@click.command()
@click.argument("name", shell_complete=study_names)
@click.option(
    "--table", type=click.Choice(["trials", "epochs", "rounds", "finalists"]), default="trials"
)
@click.option(
    "format_", "--format", type=click.Choice(["csv", "json", "parquet"]), default="csv",
    help="JSON is one object a line.",
)  # fmt: skip
@click.option(
    "output", "-o", type=click.Path(path_type=Path), default=STDOUT,
    help="The file to write. [default: -, which is stdout]",
)  # fmt: skip
@storage_option
def export(name: str, table: str, format_: str, output: Path, storage: str) -> None:
    """Export a table of the study NAME, with all digits.

    \b
    hpo export digits --table epochs -o epochs.csv
    """
    from studies import load
    from studies.analysis import export as exports

    study = load(name, storage)
    frame = getattr(study, f"{table}_frame")()
    write(output, exports.FORMATS[format_](frame))


@click.command()
@click.argument("name", shell_complete=study_names)
@click.option(
    "output", "-o", type=click.Path(path_type=Path), metavar="FILE.html",
    help="Where the page is written; - is stdout. [default: NAME.html]",
)  # fmt: skip
@click.option(
    "--plots", type=click.Path(path_type=Path), metavar="DIR",
    help="Also write every figure there, as SVG and PNG.",
)  # fmt: skip
@click.option("open_", "--open", is_flag=True, help="Show the page in a browser.")
@storage_option
def report(name: str, output: Path | None, plots: Path | None, open_: bool, storage: str) -> None:
    """Write a one-file HTML report of the study NAME, by default as NAME.html.

    \b
    hpo report digits
    hpo report digits -o first.html --plots figures
    """
    from studies import load

    study = load(name, storage)
    if output is None:
        output = Path(f"{file_name(name)}.html")
    if open_ and output == STDOUT:
        raise click.UsageError("a page on stdout can't be opened: name a file with -o")
    if plots is not None:
        with writing(plots):
            plots.mkdir(parents=True, exist_ok=True)
    with drawing(output.parent):
        write(output, study.report().encode())
        if output != STDOUT:
            say(f"{output} written")
        if plots is not None:
            with writing(plots):
                for k, (figure, of) in enumerate(study.writing_plots(plots), 1):
                    say(f"figure {k} of {of}: {figure}")
            say(f"{2 * of} files written to {plots}")
    if open_:
        show_page(output)
