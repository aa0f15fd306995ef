"""The command line: parse, call, print. What it prints is made in `text`, what moves while it runs in `progress`.

Results go to stdout, everything else to stderr. Heavy packages are imported by the command that needs them, so that
`hpo --help` answers at once.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import click

from hpo.cli import keeping, reading, searching, starting
from hpo.cli.output import flush, say
from hpo.cli.statuses import DONE, ERROR, USAGE, status_and_line


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
        status, message = status_and_line(error)
        say(f"Error: {message}")
    with suppress(OSError):  # what can't be printed was told above
        flush()
    return status


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="hpo-rounds")
def cli() -> None:
    """Hyperparameter search that narrows its ranges round by round, on evidence.

    \b
    hpo search digits                 search, and keep every trial in hpo.db
    hpo report digits -o digits.html  see what was found
    """


for command in (
    searching.search,
    searching.resume,
    searching.reproduce,
    reading.list_studies,
    reading.show,
    reading.export,
    reading.report,
    keeping.upgrade,
    keeping.delete,
    starting.init,
    starting.completion,
):
    cli.add_command(command)
