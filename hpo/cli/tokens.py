"""The commands for tokens of the service: create, list and revoke."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from hpo.cli.options import json_option, storage_option
from hpo.cli.output import json_text, say

if TYPE_CHECKING:
    from hpo.serve.caller import Scope
    from hpo.serve.database import ServiceDatabase
    from hpo.serve.tokens import Token

UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
LONGEST = timedelta(days=3650)


class Lifetime(click.ParamType[timedelta]):
    """A length of time such as 12h or 30d."""

    name = "TIME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """The time, up to ten years."""
        matched = re.fullmatch(r"(\d{1,6})([mhdw])", str(value))
        if matched is None:
            self.fail(f"{value!r} is no time such as 90m, 12h, 30d or 8w", param, ctx)
        time = timedelta(**{UNITS[matched[2]]: int(matched[1])})
        if not timedelta(0) < time <= LONGEST:
            self.fail(f"{value!r} is not between a minute and ten years", param, ctx)
        return time


@click.group()
def token() -> None:
    """Make, list and revoke the tokens by which programs and people use `hpo serve`.

    \b
    hpo token create laptop --scope run
    hpo token list
    hpo token revoke laptop

    A service that is running notices each change within a second.
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope", type=click.Choice(["read", "run", "admin"]), required=True,
    help="read looks, run also begins and ends searches, admin does so for every owner.",
)  # fmt: skip
@click.option(
    "--owner", metavar="OWNER", help="Whose searches they are. [default: HPO_USER, else your login]"
)
@click.option(
    "--expires", type=Lifetime(), metavar="TIME",
    help="After so long, such as 12h or 30d, it is refused. [default: never]",
)  # fmt: skip
@storage_option
def create(
    name: str, scope: Scope, owner: str | None, expires: timedelta | None, storage: str
) -> None:
    """Make the token NAME and print it, last and this once: only its digest is kept.

    \b
    hpo token create laptop --scope run
    hpo token create prometheus --scope read --owner ops --expires 30d
    """
    from hpo.serve import check_installed

    check_installed()
    from hpo.serve import tokens
    from studies.database.engine import masked, now

    whose = owner or _user()
    tokens.check_names(name, whose)
    with _database(storage, make=True) as database:
        text = tokens.create(database, name, owner=whose, scope=scope, lifetime=expires)
        where = masked(database.url)
    until = f" until {now() + expires:%Y-%m-%d %H:%M} UTC" if expires else ""
    say(
        f"token {name!r} of {whose} with scope {scope}{until}, in {where}; keep it, it is not shown again:"
    )
    click.echo(text)


@token.command("list")
@storage_option
@json_option
def list_tokens(storage: str, as_json: bool) -> None:
    """List the tokens: whose they are, what they may do, and when they were last used.

    \b
    hpo token list
    """
    from hpo.serve import check_installed

    check_installed()
    from hpo.serve import tokens
    from studies.database.engine import now

    with _database(storage) as database:
        stored, at = tokens.stored(database), now()
    if as_json:
        click.echo(json_text([_facts(one, at) for one in stored]))
    elif not stored:
        click.echo("no tokens yet: make one with  hpo token create NAME --scope run")
    else:
        _print_table(stored, at)


@token.command()
@click.argument("name")
@storage_option
def revoke(name: str, storage: str) -> None:
    """Revoke the token NAME: it and the sessions that it began are refused from now on.

    \b
    hpo token revoke laptop
    """
    from hpo.serve import check_installed

    check_installed()
    from hpo.serve import tokens

    with _database(storage) as database:
        tokens.revoke(database, name)
    say(f"token {name!r} is revoked")


@contextmanager
def _database(storage: str, *, make: bool = False) -> Iterator[ServiceDatabase]:
    from hpo.serve.database import ServiceDatabase

    with closing(ServiceDatabase(storage, existing=not make)) as database:
        yield database


def _user() -> str:
    from studies.database.owner import current_user

    user = current_user()
    if user is None:
        raise click.UsageError("the system has no name for you: give one by --owner")
    return user


def _facts(token: Token, at: datetime) -> dict[str, object]:
    times = {name: getattr(token, name) for name in ("created", "expires", "revoked", "used")}
    return {
        "name": token.name,
        "owner": token.owner,
        "scope": token.scope,
        "state": token.state(at),
        **{name: time and f"{time.isoformat(timespec='seconds')}Z" for name, time in times.items()},
    }


def _print_table(stored: Sequence[Token], at: datetime) -> None:
    from rich.table import Table
    from rich.text import Text

    from hpo.display.text import show
    from studies.words import age

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("token", "owner", "scope", "state", "used", "expires (UTC)"):
        table.add_column(head, overflow="fold")
    for token in stored:
        used = age((at - token.used).total_seconds()) + " ago" if token.used else "never"
        expires = f"{token.expires:%Y-%m-%d %H:%M}" if token.expires else "never"
        cells = (token.name, token.owner, token.scope, token.state(at), used, expires)
        table.add_row(*map(Text, cells))
    show(table)
