"""Requests to a service, which are sent again while it does not answer.

A service that is restarted is waited for. What is sent again counts once, because each request that creates something
has a key of its own (`Idempotency-Key`); asking, reporting and telling need none.
"""

from __future__ import annotations

import json
import os
import random
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from hpo.errors import (
    DataError,
    NoSuchStudyError,
    PlanError,
    ServiceError,
    StudyExistsError,
)
from studies import extras
from studies.database.served import PREFIX, TOKEN

if TYPE_CHECKING:
    import httpx

PATIENCE_SECONDS = 600.0  # for a service that has answered before, and is being restarted
FIRST_PATIENCE_SECONDS = 10.0  # for one that never has: the address may be wrong
LONGEST_PAUSE = 5.0
CHECK_SECONDS = 0.2
ANSWER_SECONDS = 90.0  # more than any answer waits
AGAIN = (429, 502, 503, 504)


class Http:
    """The connections to a service. Any thread may use them.

    Raises:
        PlanError: the URL is none, or the token can't be sent.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        try:
            import httpx
        except ModuleNotFoundError:
            raise PlanError(
                f"a client needs the package httpx: {extras.command('client')}"
            ) from None
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PlanError(f"{url!r} is not the URL of a service: write http://HOST:8517")
        self.url = f"{parts.scheme}://{parts.netloc}{parts.path}".rstrip("/")
        self.token = token or os.environ.get(TOKEN) or None
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise PlanError("token: it has letters that no token has")
        self._httpx = httpx
        self._client = httpx.Client(
            base_url=f"{self.url}{PREFIX}", headers=headers, timeout=ANSWER_SECONDS,
            limits=httpx.Limits(max_connections=None),
        )  # fmt: skip
        self._answered = False
        self.check: Callable[[], None] = lambda: None
        """Called while the service is waited for; what it raises ends that."""

    def close(self) -> None:
        """End the connections."""
        self._client.close()

    def get(self, path: str, **query: Any) -> Any:
        """The answer to a GET request, as plain data."""
        return self._json(self.send("GET", path, params=query))

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: bool = True) -> Any:
        """The answer to a POST request with a JSON body. With a `key` it counts once, however often it is sent."""
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = uuid.uuid4().hex
        # JSON has no NaN, but Python's own, which both ends speak, does.
        content = json.dumps({} if body is None else body).encode()
        return self._json(self.send("POST", path, content=content, headers=headers))

    def delete(self, path: str, *, patiently: bool = True, **query: Any) -> None:
        """Delete something."""
        self.send("DELETE", path, patiently=patiently, params=query)

    def upload(self, path: str, file: Path, **query: Any) -> Any:
        """The answer to a POST request whose body is a file."""

        def send() -> httpx.Response:
            with file.open("rb") as opened:
                return self._client.post(path, params=query, content=opened)

        return self._json(self._patiently(send))

    @contextmanager
    def download(self, path: str, file: Path | None = None) -> Iterator[Iterable[bytes]]:
        """The bytes of an answer, as they come in. With a file, it is sent as a POST request's body."""
        if file is None:
            with self._client.stream("GET", path) as answer:
                self._check(answer)
                yield answer.iter_bytes()
            return
        with file.open("rb") as opened, self._client.stream("POST", path, content=opened) as answer:
            self._check(answer)
            yield answer.iter_bytes()

    def send(
        self, method: str, path: str, *, patiently: bool = True, **options: Any
    ) -> httpx.Response:
        """The answer to a request, which is sent again while the service does not answer, if `patiently`.

        Raises:
            ServiceError: the service refuses it, or does not answer.
            PlanError, NoSuchStudyError, StudyExistsError: what the service says is wrong, in its words.
        """
        return self._patiently(
            lambda: self._client.request(method, path, **options),
            None if patiently else 0.0,
        )

    def _patiently(
        self, send: Callable[[], httpx.Response], patience: float | None = None
    ) -> httpx.Response:
        began, pause = time.monotonic(), 0.1
        while True:
            try:
                answer: httpx.Response = send()
            except self._httpx.TransportError as error:
                line, wait = f"{self.url} does not answer: {error}", pause
            else:
                self._answered = True
                again = answer.status_code in AGAIN or (
                    answer.status_code == 409 and "retry-after" in answer.headers
                )
                if not again:
                    self._check(answer)
                    return answer
                line = f"{self.url} answers {answer.status_code}: {_detail(answer)}"
                wait = max(pause, _seconds(answer.headers.get("retry-after")))
            if patience is None:
                patience = PATIENCE_SECONDS if self._answered else FIRST_PATIENCE_SECONDS
            # Clients that all lost the service at once do not all come back at once.
            wait *= random.uniform(0.5, 1.0)  # noqa: S311
            if time.monotonic() - began + wait > patience:
                raise ServiceError(line)
            until = time.monotonic() + wait
            while (left := until - time.monotonic()) > 0:
                self.check()
                time.sleep(min(left, CHECK_SECONDS))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _check(self, answer: httpx.Response) -> None:
        if answer.is_success:
            return
        answer.read()
        status, line = answer.status_code, _detail(answer)
        if status == 404:
            raise NoSuchStudyError(line)
        if status == 422:
            raise PlanError(line)
        if status == 413:
            raise DataError(line)
        if status == 409 and "exists already" in line:
            raise StudyExistsError(line)
        raise RefusedError(line, status, _problem(answer))

    def _json(self, answer: httpx.Response) -> Any:
        return answer.json() if answer.content else None


class RefusedError(ServiceError):
    """A request that a service refuses; `problem` is the document that says why."""

    def __init__(self, line: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(line, status)
        self.problem = problem


def in_path(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


def _problem(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        problem = answer.json()
    except ValueError:  # a proxy's own page
        return {}
    return problem if isinstance(problem, dict) else {}


def _detail(answer: httpx.Response) -> str:
    try:
        answer.read()
    except Exception:
        return answer.reason_phrase
    return str(_problem(answer).get("detail") or answer.reason_phrase)


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isdecimal() else 0.0
