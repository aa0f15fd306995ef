"""The command that trains for a service."""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

import click

from hpo.cli.output import say
from hpo.cli.signals import signals
from studies.words import counted

SERVER = "HPO_SERVER"
LINE_SECONDS = 5.0


@click.command()
@click.argument("name")
@click.option(
    "--server",
    envvar=SERVER,
    show_envvar=True,
    required=True,
    metavar="URL",
    help="Of the service.",
)
@click.option(
    "--trainer",
    required=True,
    metavar="MOD:FUNC|FILE.py:FUNC",
    help="The function of yours that trains.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many tasks train at once. [default: one per core]",
)
@click.option(
    "--executor",
    metavar="NAME",
    help="Where they train: processes (the default), threads, or dask[:ADDRESS].",
)
@click.option(
    "--devices",
    default="",
    metavar="NAME,…",
    help="Devices such as cuda:0,cuda:1, shared out among the tasks.",
)
@click.option(
    "--folder", metavar="DIR", help="Where the folders of trials are. [default: temporary ones]"
)
@click.option(
    "--client", metavar="NAME",
    help="What this worker is called; by the same name it has its tasks again after a crash. [default: host-process]",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
def worker(
    name: str,
    server: str,
    trainer: str,
    workers: int | None,
    executor: str | None,
    devices: str,
    folder: str | None,
    client: str | None,
    quiet: bool,
) -> None:
    """Train tasks of the search NAME of a service, on this machine, until the search is done.

    The search was created for clients: hpo.Client(URL).search(…) in Python, or POST /api/v1/searches with the kind
    "remote". Its token is in HPO_TOKEN. No database is needed here. Any number of workers may join and leave.

    \b
    hpo worker mine --server http://team:8517 --trainer my_model.py:train
    """
    from hpo.client.http import Http
    from hpo.client.working import checked, client_name, plan_of, work
    from hpo.plan.place import make_place
    from hpo.run.cancel import Cancel

    place, cancel = make_place(workers, executor, devices, folder), Cancel()
    again = " ".join(["hpo worker", name, "--server", server, "--trainer", trainer])
    progress = _Progress(quiet=quiet)
    with closing(Http(server)) as http:
        plan = plan_of(http, name)
        trainable = checked(plan, trainer, place)
        with signals.cancelling(cancel, lambda _: again):
            work(
                http, name, plan, trainable, place,
                client=client or client_name(), cancel=cancel, noticed=progress.note, told=progress.told,
            )  # fmt: skip
    progress.line()


class _Progress:
    """Says now and then how many tasks this worker has trained."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet, self._trained, self._failed = quiet, 0, 0
        self._said = time.monotonic()

    def note(self, line: str) -> None:
        """Say a note."""
        if not self._quiet:
            say(f"Note: {line}")

    def told(self, _: str, answer: dict[str, Any]) -> None:
        """A task has ended."""
        self._trained += 1
        self._failed += answer["state"] == "failed"
        if time.monotonic() - self._said >= LINE_SECONDS:
            self.line()

    def line(self) -> None:
        """Say how many have ended."""
        self._said = time.monotonic()
        if not self._quiet:
            failed = f", {self._failed} of them failed" if self._failed else ""
            say(f"{counted(self._trained, 'task')} trained here{failed}")
