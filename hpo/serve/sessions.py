"""Sessions of browsers: whoever signs in with a token gets a cookie, so that the token is sent only once.

The cookie holds 256 random bits, and the database their digest. A session ends after half a day, when the user signs
out, and when its token is revoked or expires.
"""

from __future__ import annotations

import hmac
import secrets
from datetime import timedelta

import sqlalchemy as sa
from fastapi import Request, Response

from hpo.serve.database import ServiceDatabase
from hpo.serve.tables import sessions, tokens
from hpo.serve.tokens import Token, digest_of
from studies.database.engine import now

LIFETIME = timedelta(hours=12)


def begin(database: ServiceDatabase, token: Token) -> str:
    """Begin a session of a token; returns the secret of its cookie. Sessions that are over are deleted."""
    secret, at = secrets.token_urlsafe(32), now()
    with database.writing() as connection:
        connection.execute(sa.delete(sessions).where(sessions.c.expires <= at))
        connection.execute(
            sa.insert(sessions).values(
                digest=digest_of(secret), token_id=token.token_id, created=at, expires=at + LIFETIME
            )
        )
    return secret


def token_of(database: ServiceDatabase, secret: str) -> Token | None:
    """The token of a session that lasts; None if it is over, or its token is no longer valid."""
    digest, at = digest_of(secret), now()
    query = (
        sa.select(tokens)
        .join(sessions, sessions.c.token_id == tokens.c.token_id)
        .where(sessions.c.digest == digest, sessions.c.expires > at)
    )
    with database.reading() as connection:
        row = connection.execute(query).first()
    token = None if row is None else Token(**row._mapping)
    return token if token is not None and token.state(at) == "valid" else None


def end(database: ServiceDatabase, secret: str) -> None:
    """End a session."""
    with database.writing() as connection:
        connection.execute(sa.delete(sessions).where(sessions.c.digest == digest_of(secret)))


def csrf_of(secret: str) -> str:
    """What each form of a session has to carry. It follows from the cookie, which no other site can read."""
    return hmac.digest(secret.encode(), b"csrf", "sha256").hex()


def cookie_name(request: Request) -> str:
    """The name of the cookie. Browsers send a host's cookies to all its ports, so each port has a name of its own.

    On TLS the prefix lets browsers refuse one that another host, or an address without TLS, has set.
    """
    if request.url.scheme == "https":
        return "__Host-hpo"
    return f"hpo-{request.url.port or 80}"


def set_cookie(request: Request, response: Response, secret: str) -> None:
    """Let the browser keep the session. Links from elsewhere bring the cookie along, forms of other sites do not."""
    response.set_cookie(
        cookie_name(request), secret, max_age=int(LIFETIME.total_seconds()), path="/",
        httponly=True, samesite="lax", secure=request.url.scheme == "https",
    )  # fmt: skip


def drop_cookie(request: Request, response: Response) -> None:
    """Let the browser forget the session."""
    response.delete_cookie(
        cookie_name(request), path="/", httponly=True, samesite="lax",
        secure=request.url.scheme == "https",
    )  # fmt: skip
