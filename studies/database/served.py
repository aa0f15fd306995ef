"""Studies that a service keeps (`hpo serve`), read from a copy of each, which is fetched again when it has changed.

A copy is an SQLite file with the one study, so whatever reads studies reads it. Copies are kept in the user's cache,
one of each study. The token is that of HPO_TOKEN; it is sent in a header and stored nowhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import sqlalchemy as sa

from studies import extras
from studies.database import lease, tables
from studies.database.engine import is_served, make_engine, masked
from studies.database.store import Store, open_store
from studies.errors import ConnectionLostError, NoSuchStudyError, StoreError
from studies.words import nearest

if TYPE_CHECKING:
    import httpx

TOKEN = "HPO_TOKEN"  # noqa: S105  # the name of a variable
PREFIX = "/api/v1"
HOLDER = "Hpo-Holder"
"""The header in which a service says who holds the study whose copy it sends: that is no part of the copy."""

HELD = "by the service's account"
"""The token of a lease in a copy. So a process is also taken for alive that is this one."""

CONNECT_SECONDS, ANSWER_SECONDS = 10.0, 600.0  # a large study is copied first
OPENING_SECONDS = 60.0  # within which a process that was told of a copy has opened it
PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_ .-]*")
"""The names by which a service finds studies. It finds others by their numbers."""


def open_study(url: str, name: str, token: str | None = None) -> Store:
    """An open database that has the study of that name: the one at `url`, or a copy of what a service keeps there.

    Raises:
        StoreError: there is no such database or service, or it has no such study; the message names what there is.
    """
    if not is_served(url):
        return open_store(url)
    path = fetched(url, name, token)
    return open_store(f"sqlite:///{path}")


def names(url: str, token: str | None = None) -> list[str]:
    """The names of the studies on a service that the token's owner may see, oldest first."""
    return [study["study"] for study in get(url, "/studies", token)]


def owner(url: str, token: str | None = None) -> str:
    """On whose behalf a service answers here."""
    return str(get(url, "", token)["owner"])


def get(url: str, path: str, token: str | None = None) -> Any:
    """What a service answers to a request, as plain data.

    Raises:
        StoreError: it does not answer, is no service, or refuses the request.
    """
    with _answered(url, path, token, {}) as answer:
        answer.read()
        try:
            return answer.json()
        except ValueError:
            raise _no_service(url, answer) from None


def fetched(url: str, name: str, token: str | None = None) -> Path:
    """The file with a copy of a study as it is now.

    Raises:
        StoreError: as `get`, or the copy can't be written.
        NoSuchStudyError: the service has none of that name.
    """
    try:
        path = quote(name) if PLAIN.fullmatch(name) else _number(url, name, token)
        return _fetched(url, name, f"/searches/{path}/database", token)
    except NoSuchStudyError as error:
        known = names(url, token)
        # As in a database, a function's name stands for its study.
        ending = [other for other in known if other.endswith(f"-{name}")]
        if name not in known and len(ending) == 1:
            return fetched(url, ending[0], token)
        hint = nearest(name, known, f"it has {', '.join(known) or 'none'}")
        if name in known:
            raise StoreError(f"{masked(url)}: {error}") from None
        raise NoSuchStudyError(f"no study {name!r} on {masked(url)}: {hint}") from None


def private_copy(url: str, name: str, token: str | None = None) -> Path:
    """A copy of a study that stays as it is; whoever asked for it deletes it."""
    path = fetched(url, name, token)
    with tempfile.NamedTemporaryFile(suffix=".db", delete=False) as file:
        shutil.copyfile(path, file.name)
    return Path(file.name)


def _number(url: str, name: str, token: str | None) -> str:
    """What stands in a path for a study whose name can't."""
    numbers = [s["number"] for s in get(url, "/studies", token) if s["study"] == name]
    if not numbers:
        raise NoSuchStudyError(name)
    return f"~{numbers[0]}"


def _fetched(url: str, name: str, path: str, token: str | None) -> Path:
    folder = _folder()
    key = hashlib.sha256("\n".join((url, name, _token(token) or "")).encode()).hexdigest()[:16]
    copies = sorted(folder.glob(f"{key}-*.db"), key=lambda copy: copy.stat().st_mtime)
    known = copies[-1].stem.partition("-")[2] if copies else None
    headers = {} if known is None else {"If-None-Match": f'"{known}"'}
    with _answered(url, path, token, headers) as answer:
        if answer.status_code == 304 and copies:
            copy = copies[-1]
        else:
            tag = re.fullmatch(r'"([0-9a-f]{1,64})"', answer.headers.get("etag", ""))
            copy = folder / f"{key}-{tag[1] if tag else secrets.token_hex(8)}.db"
            _write(url, answer, copy)
            _delete_older(copies, copy)
        holder = answer.headers.get(HOLDER)
    _set_holder(copy, json.loads(holder) if holder else None)
    return copy


def _delete_older(copies: Iterable[Path], newest: Path) -> None:
    """Delete copies of earlier versions, but for those that another process may be about to open."""
    for copy in copies:
        with suppress(OSError):  # it is open, on Windows, or gone
            if copy != newest and time.time() - copy.stat().st_mtime > OPENING_SECONDS:
                copy.unlink()


def _write(url: str, answer: httpx.Response, copy: Path) -> None:
    """Write what comes in to the place of a copy, once it is whole."""
    import httpx

    try:
        with tempfile.NamedTemporaryFile(dir=copy.parent, suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                for piece in answer.iter_bytes():
                    file.write(piece)
                file.close()
                with part.open("rb") as written:
                    if written.read(16) != b"SQLite format 3\0":
                        raise _no_service(url, answer)
                _place(part, copy)
            finally:
                file.close()
                part.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"can't write a copy to {copy.parent}: {error.strerror}") from None
    except httpx.TransportError as error:
        raise ConnectionLostError(f"{masked(url)} stopped answering: {error}") from None


def _place(part: Path, copy: Path) -> None:
    """Give a whole file its name, unless another process has fetched the same version and may have opened it."""
    try:
        copy.hardlink_to(part)
    except FileExistsError:
        return
    except OSError:  # a file system without links
        part.replace(copy)


def _set_holder(copy: Path, holder: Mapping[str, Any] | None) -> None:
    """Let a copy say who holds its study, as the service has just said."""
    lease.IN_USE.add(HELD)
    engine = make_engine(f"sqlite:///{copy}")
    try:
        with engine.begin() as connection:
            if holder is None and not connection.execute(sa.select(tables.leases)).first():
                return
            connection.execute(sa.delete(tables.leases))
            if holder is not None:
                study_id = connection.execute(sa.select(tables.studies.c.study_id)).scalar()
                connection.execute(
                    sa.insert(tables.leases).values(
                        study_id=study_id,
                        holder=HELD,
                        host=holder["host"],
                        process=holder["process"],
                        process_started=holder["process_started"],
                        since=datetime.fromisoformat(holder["since"]),
                        heartbeat=lease.database_time(connection),
                    )
                )
    finally:
        engine.dispose()


def _folder() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(cache) if cache else Path.home() / ".cache") / "hpo" / "served"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"can't make the folder {folder} for copies of studies: {error.strerror}"
        ) from None
    return folder


def _token(token: str | None) -> str | None:
    return token or os.environ.get(TOKEN) or None


@contextmanager
def _answered(
    url: str, path: str, token: str | None, headers: Mapping[str, str]
) -> Iterator[httpx.Response]:
    """The answer to a GET request, whose body has not been read.

    Raises:
        StoreError: it does not answer, is no service, or refuses the request.
    """
    try:
        import httpx
    except ModuleNotFoundError:
        raise StoreError(
            f"{masked(url)} needs the package httpx: {extras.command('client')}"
        ) from None
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query or parts.fragment or not parts.hostname:
        raise StoreError(
            f"{masked(url)} is not the address of a service: write http://HOST:8517, and the token into {TOKEN}"
        )
    token = _token(token)
    if token is not None:
        if not (token.isascii() and token.isprintable()):
            raise StoreError(f"the token in {TOKEN} has letters that no token has")
        headers = {**headers, "Authorization": f"Bearer {token}"}
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    try:
        with httpx.stream(
            "GET", f"{url.rstrip('/')}{PREFIX}{path}", headers=headers, timeout=timeout
        ) as answer:
            if not answer.is_success and answer.status_code != 304:
                raise _refused(url, answer)
            yield answer
    except httpx.TransportError as error:
        raise ConnectionLostError(f"{masked(url)} does not answer: {error}") from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise StoreError(f"{masked(url)} is not the address of a service: {error}") from None


def _refused(url: str, answer: httpx.Response) -> StoreError:
    """The error for what a service refuses, in its own words."""
    answer.read()
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return _no_service(url, answer)
    status = answer.status_code
    if status == 404:
        return NoSuchStudyError(detail)
    if status == 401:
        detail += f"; give it in the variable {TOKEN}"
    kind = ConnectionLostError if status in (429, 502, 503, 504) else StoreError
    return kind(f"{masked(url)}: {detail}")


def _no_service(url: str, answer: httpx.Response) -> StoreError:
    kind = answer.headers.get("content-type", "nothing").partition(";")[0]
    return StoreError(
        f"{masked(url)} is no service of hpo: it answers {answer.status_code} with {kind}"
    )
