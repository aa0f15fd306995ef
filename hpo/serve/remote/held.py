"""A search that the service holds open, on a thread of its own, with the requests that wait for it.

Only this thread touches the search, so requests need no lock, and drawing settings holds up no other search. What has
come in meanwhile is taken together: all that was told is recorded in one transaction, and so is who has which task.
Nobody is answered before that.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from hpo.serve.remote.served import Served

ENDED_SECONDS = 5.0  # for which a search that has ended stays open after the last request

Collect = Callable[[Served], Any]
Answer = Callable[[Served, Any, bool], Any]


def _nothing(_: Served) -> None:
    return None


@dataclass
class Request:
    """What a client wants. `collect` takes what it says; `answer` gets the search, what `collect` returned, and whether
    it has to answer now, and returns None while it would rather wait, for `seconds` at the most.
    """

    answer: Answer
    collect: Collect = _nothing
    seconds: float = 0.0
    future: Future[Any] = field(default_factory=Future)
    collected: Any = None
    until: float = 0.0

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.seconds


class Held:
    """A search that is open until nobody has asked for anything for `idle_seconds`, or until `close`."""

    def __init__(
        self,
        name: str,
        opening: Callable[[], AbstractContextManager[Served]],
        idle_seconds: float,
    ) -> None:
        self._opening, self._idle_seconds = opening, idle_seconds
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._waiting: list[Request] = []
        self._lock = threading.Lock()
        self._closed = self._hurries = False
        self._thread = threading.Thread(target=self._run, name=f"search {name}", daemon=True)
        self._thread.start()

    def submit(self, request: Request) -> bool:
        """Put a request in; False if this search has been closed meanwhile."""
        with self._lock:
            if self._closed:
                return False
            self._requests.put(request)
            return True

    @property
    def closed(self) -> bool:
        """Whether it takes no more requests."""
        return self._closed

    def release(self) -> None:
        """From now on answer at once, also those who would rather wait."""
        self._hurries = True
        self.submit(Request(lambda *_: True))

    def close(self) -> None:
        """Answer those who wait, and give the study back."""
        self._requests.put(None)
        self._thread.join()

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with self._opening() as served:
                self._serve(served)
        except BaseException as raised:  # those who wait are told of it
            error = raised
        with self._lock:
            self._closed = True
        left = self._waiting
        while not self._requests.empty():
            request = self._requests.get()
            left += [] if request is None else [request]
        for request in left:
            if request.future.set_running_or_notify_cancel():
                request.future.set_exception(error or ClosedError())

    def _serve(self, served: Served) -> None:
        last = time.monotonic()
        while True:
            now = time.monotonic()
            ends = [r.until - now for r in self._waiting]
            lease = served.until_next_end()
            patience = self._idle_seconds
            if served.state != "running":  # its history would be in memory for nobody
                patience = min(patience, ENDED_SECONDS)
            pause = min([patience, *ends, *([] if lease is None else [lease])])
            batch, closing = self._gathered(max(0.0, pause))
            if batch:
                last = time.monotonic()
            idle = not self._waiting and time.monotonic() - last >= patience
            self._take(served, batch, closing=closing)
            if closing or idle:
                served.flush(everything=True)
                return

    def _gathered(self, seconds: float) -> tuple[list[Request], bool]:
        """All requests that are there, after waiting for the first, and whether to close."""
        batch: list[Request] = []
        closing = False
        try:
            request = self._requests.get(timeout=seconds)
            while True:
                if request is None:
                    closing = True
                else:
                    batch.append(request)
                request = self._requests.get_nowait()
        except queue.Empty:
            return batch, closing

    def _take(self, served: Served, batch: list[Request], *, closing: bool) -> None:
        served.expire()
        for request in batch:
            try:
                request.collected = request.collect(served)
            except Exception as error:
                _answer(request, error=error)
            else:
                self._waiting.append(request)
        served.settle()
        now = time.monotonic()
        answers: list[tuple[Request, Any]] = []
        for request in self._waiting:
            if request.future.cancelled():
                continue
            late = closing or self._hurries or now >= request.until
            answers.append((request, request.answer(served, request.collected, late)))
        served.flush()
        self._waiting = [request for request, answer in answers if answer is None]
        for request, answer in answers:
            if answer is not None:
                _answer(request, answer)


def _answer(request: Request, answer: Any = None, error: Exception | None = None) -> None:
    if not request.future.set_running_or_notify_cancel():
        return
    if error is None:
        request.future.set_result(answer)
    else:
        request.future.set_exception(error)


class ClosedError(Exception):
    """The search was closed before a request was answered: it may be sent again."""
