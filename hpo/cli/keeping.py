"""The commands that maintain a database: upgrade and delete."""

from __future__ import annotations

import sys

import click

from hpo.cli.completing import study_names
from hpo.cli.options import storage_option
from hpo.cli.output import say
from hpo.cli.statuses import ERROR


@click.command()
@click.option("--yes", is_flag=True, help="Confirm that a server's database has a backup.")
@storage_option
def upgrade(yes: bool, storage: str) -> None:
    """Upgrade the tables of an older database, and keep a copy of its file beside it.

    \b
    hpo upgrade --storage sqlite:///hpo.db
    """
    from hpo.cli.signals import signals
    from studies.database.upgrade import upgrade as bring_up

    with signals.later():
        click.echo(bring_up(storage, without_backup=yes))


def _confirmed(question: str) -> bool:
    try:
        return click.confirm(question, err=True)
    except click.Abort:  # the end of input
        return False


@click.command()
@click.argument("name", shell_complete=study_names)
@click.option("--yes", is_flag=True, help="Do not ask.")
@storage_option
def delete(name: str, yes: bool, storage: str) -> None:
    """Delete the study NAME and all its trials, after asking if stdin is a terminal.

    Where it is none, a study that somebody else began is deleted with --yes only.

    \b
    hpo delete digits
    """
    from hpo.cli.signals import signals
    from studies.database.engine import masked
    from studies.database.owner import current_user
    from studies.database.store import open_store
    from studies.words import counted

    with open_store(storage) as store:
        owner = store.study(name).owner
        of_another = owner not in (None, current_user())
        whose = f" of {owner}" if of_another else ""
        if of_another and not yes and not sys.stdin.isatty():
            raise click.ClickException(f"study {name!r} belongs to {owner}: delete it with --yes")
        question = f"Delete study {name!r}{whose} in {masked(storage)}?"
        if not yes and sys.stdin.isatty() and not _confirmed(question):
            say("Nothing was deleted.")
            raise click.exceptions.Exit(ERROR)
        with signals.later():
            count = store.delete_study(name)
    click.echo(f"study {name!r} with {counted(count, 'trial')} was deleted")
