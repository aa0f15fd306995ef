"""Bearer tokens: made, listed, revoked, and recognized.

A token is `hpo_` and 256 random bits as text, so scanners for secrets find it where it must not be. Only its SHA-256
digest is stored, which is enough for a text that can't be guessed. Other processes may make and revoke tokens while a
service runs: it looks again after a second.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from hpo.errors import PlanError
from hpo.serve.caller import Caller, Scope
from hpo.serve.database import ServiceDatabase
from hpo.serve.tables import tokens
from studies.database.engine import now
from studies.words import counted

PREFIX = "hpo_"
TEXT = re.compile(PREFIX + r"[A-Za-z0-9_-]{43}")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}")
FRESH_SECONDS = 1.0  # for so long what was read of a token holds
USED_SECONDS = 60  # its last use is recorded at most so often


@dataclass(frozen=True)
class Token:
    """A token as it is stored. Its text is nowhere."""

    token_id: int
    name: str
    owner: str
    scope: Scope
    digest: str
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    used: datetime | None

    def state(self, at: datetime) -> str:
        """Whether it is `valid`, `expired` or `revoked` at that time."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= at else "valid"

    @property
    def caller(self) -> Caller:
        """On whose behalf a request with it comes."""
        return Caller(self.owner, self.scope, self.name)


def digest_of(text: str) -> str:
    """What is stored of a secret text: its SHA-256 digest, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def check_names(name: str, owner: str) -> None:
    """Check the names of a token and of its owner.

    Raises:
        PlanError: one breaks the rule.
    """
    for what, text in (("name", name), ("owner", owner)):
        if not NAME.fullmatch(text):
            raise PlanError(
                f"the {what} of a token has up to 100 letters, digits and _ . @ -, not {text[:100]!r}"
            )


def create(
    database: ServiceDatabase,
    name: str,
    *,
    owner: str,
    scope: Scope,
    lifetime: timedelta | None = None,
) -> str:
    """Make a token; returns its text, which can't be had again.

    Raises:
        PlanError: the name or the owner breaks a rule, or there is a token of that name.
    """
    check_names(name, owner)
    text = PREFIX + secrets.token_urlsafe(32)
    created = now()
    row = {
        "name": name, "owner": owner, "scope": scope, "digest": digest_of(text),
        "created": created, "expires": None if lifetime is None else created + lifetime,
    }  # fmt: skip
    try:
        with database.writing() as connection:
            connection.execute(sa.insert(tokens).values(row))
    except IntegrityError:
        raise PlanError(
            f"there is a token {name!r} already, perhaps a revoked one: choose another name"
        ) from None
    return text


def stored(database: ServiceDatabase) -> Sequence[Token]:
    """All tokens, also those that are revoked or expired, by name."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(tokens).order_by(tokens.c.name))
        return [Token(**row._mapping) for row in rows]


def revoke(database: ServiceDatabase, name: str) -> None:
    """Let a token be refused from now on, and with it the sessions that it began. To do so again changes nothing.

    Raises:
        PlanError: there is no token of that name.
    """
    with database.writing() as connection:
        there = connection.execute(
            sa.select(tokens.c.token_id).where(tokens.c.name == name)
        ).scalar()
        if there is None:
            count = connection.execute(sa.select(sa.func.count()).select_from(tokens)).scalar_one()
            raise PlanError(
                f"no token {name[:100]!r}: hpo token list shows {counted(count, 'token')}"
            )
        connection.execute(
            sa.update(tokens)
            .where(tokens.c.token_id == there, tokens.c.revoked.is_(None))
            .values(revoked=now())
        )


class Tokens:
    """The tokens of a running service, as it recognizes them; any thread may ask."""

    def __init__(self, database: ServiceDatabase) -> None:
        self._database = database
        self._known: dict[str, tuple[Token, float]] = {}
        self._any = (False, float("-inf"))

    def known(self, text: str) -> Token | None:
        """The valid token of that text, if it was read a moment ago; nothing is read."""
        token, read = self._known.get(digest_of(text), (None, 0.0))
        if token is None or time.monotonic() > read + FRESH_SECONDS:
            return None
        return token if token.state(now()) == "valid" else None

    def seen(self, text: str) -> bool:
        """Whether that text was a valid token when it came last, so that it is no guess."""
        return digest_of(text) in self._known

    def recognize(self, text: str) -> Token | None:
        """The valid token of that text; None if there is none."""
        if not TEXT.fullmatch(text):
            return None
        digest = digest_of(text)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(tokens).where(tokens.c.digest == digest)).first()
        token = None if row is None else Token(**row._mapping)
        if (
            token is None
            or not hmac.compare_digest(token.digest, digest)
            or token.state(now()) != "valid"
        ):
            self._known.pop(digest, None)
            return None
        self._known[digest] = (token, time.monotonic())
        self._record_use(token)
        return token

    def exist(self) -> bool:
        """Whether a token has ever been made."""
        answer, read = self._any
        if not answer and time.monotonic() > read + FRESH_SECONDS:
            with self._database.reading() as connection:
                first = connection.execute(sa.select(tokens.c.token_id).limit(1)).first()
            answer = first is not None
            self._any = (answer, time.monotonic())
        return answer

    def _record_use(self, token: Token) -> None:
        at = now()
        earlier = at - timedelta(seconds=USED_SECONDS)
        if token.used is not None and token.used > earlier:
            return
        unused = sa.or_(tokens.c.used.is_(None), tokens.c.used <= earlier)
        with self._database.writing() as connection:
            connection.execute(
                sa.update(tokens)
                .where(tokens.c.token_id == token.token_id, unused)
                .values(used=at.replace(microsecond=0))
            )
