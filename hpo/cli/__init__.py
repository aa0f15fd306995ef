"""The command line: parse, call, print.

Results go to stdout, everything else to stderr. Each command imports the heavy packages that it needs, so `hpo --help`
answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from hpo.cli import (
    inspecting,
    keeping,
    modelling,
    reading,
    searching,
    serving,
    starting,
    tokens,
    working,
)
from hpo.cli.output import flush, say
from hpo.cli.statuses import DONE, ERROR, USAGE, status_and_line


def main() -> NoReturn:
    """The `hpo` command."""
    # Imports create many objects and no garbage; collecting would take a tenth of their time.
    gc.set_threshold(100_000)
    # By then everything is closed, and unloading the modules would take 0.3 s.
    os._exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run a command, print an error as one line, and return the exit status."""
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
        message = error.format_message().replace("\n\t", " ")  # click lists choices below it
        say(f"Error: {message}{where}")
        status = error.exit_code
    except BrokenPipeError:  # the reader of stdout is gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = ERROR
    except Exception as error:  # a bug is raised again
        status, message = status_and_line(error)
        say(f"Error: {message}")
    with suppress(OSError):  # already reported above
        flush()
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hpo-rounds")
def cli() -> None:
    """Hyperparameter search that narrows its ranges round by round, on evidence.

    \b
    hpo search digits  search, and keep every trial in hpo.db
    hpo report digits  write a report of the results
    """


for command in (
    inspecting.inspect,
    searching.search,
    searching.resume,
    searching.confirm,
    searching.reproduce,
    modelling.train,
    modelling.predict,
    reading.list_studies,
    reading.show,
    reading.export,
    reading.report,
    keeping.upgrade,
    keeping.delete,
    serving.serve,
    working.worker,
    tokens.token,
    starting.init,
    starting.completion,
):
    cli.add_command(command)
