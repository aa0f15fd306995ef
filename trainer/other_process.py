"""Functions that run in another process, wherever that is, and generators of which each step runs there."""

from __future__ import annotations

import itertools
import os
import pickle
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Mapping
from contextlib import closing, suppress
from functools import partial
from typing import Any


class WorkerDiedError(RuntimeError):
    """A worker ended before it answered; the message has its exit status and what it wrote to stderr."""


class OtherProcess(ABC):
    """Another process, which answers pickled requests: see `trainer.worker.serve`.

    A request and its answer are never stored. Several threads may use it: it answers one request at a time, and between
    two steps of a training it answers others.
    """

    def __init__(self) -> None:
        self._owner = os.getpid()
        self._lock = threading.RLock()  # one request at a time
        self._count = itertools.count()
        self._shared: dict[str, weakref.ref[Any]] = {}  # what was last sent there

    @abstractmethod
    def exchange(self, request: bytes) -> bytes:
        """Send a pickled request, and wait for its pickled answer.

        Raises:
            WorkerDiedError: the process died.
        """

    @abstractmethod
    def alive(self) -> bool:
        """Whether it has not ended."""

    @abstractmethod
    def close(self) -> None:
        """End the process, also in the middle of a request."""

    def idle(self) -> bool:
        """Whether no request is being answered."""
        if idle := self._lock.acquire(blocking=False):
            self._lock.release()
        return idle

    def call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """Run a function there, and return what it returns or raise what it raises.

        Raises:
            WorkerDiedError: the process died.
        """
        return self._ask("call", function, arguments, options)

    def keep(
        self, make: Callable[..., Callable[..., Any]], *arguments: Any, **options: Any
    ) -> Callable[..., Any]:
        """Have `make` return a function there, which stays there; the returned function calls it, as `call` does."""
        number = next(self._count)
        self._ask("keep", number, make, arguments, options)
        return partial(self._ask, "call_kept", number)

    def training(
        self,
        function: Callable[..., Generator[Any, Any, None]],
        shared: Mapping[str, Any],
        *arguments: Any,
        **options: Any,
    ) -> Generator[Any, Any, None]:
        """Run a generator as `steps` does. If the process dies, it begins again here, with all that was sent to it."""
        sent: list[Any] = []
        with suppress(WorkerDiedError):
            yield from replayed(self.steps(function, shared, *arguments, **options), sent)
            return
        yield from replayed(function(*arguments, **shared, **options), sent)

    def steps(
        self,
        function: Callable[..., Generator[Any, Any, None]],
        shared: Mapping[str, Any],
        *arguments: Any,
        **options: Any,
    ) -> Generator[Any, Any, None]:
        """Run the generator `function(*arguments, **shared, **options)` there: yield what it yields, send what is sent.

        `shared` are large objects, which travel only if they are other objects than the last time.

        Raises:
            WorkerDiedError: the process died.
        """
        number = next(self._count)
        answer = self._begin(number, function, shared, arguments, options)
        while answer is not None:
            try:
                sent = yield answer[0]
            except BaseException:
                with suppress(WorkerDiedError):
                    self._ask("close", number)
                raise
            answer = self._ask("send", number, sent)

    def _begin(
        self, number: int, function: object, shared: Mapping[str, Any], *rest: object
    ) -> Any:
        with self._lock:
            has = self._shared.keys() == shared.keys() and all(
                self._shared[name]() is value for name, value in shared.items()
            )
            self._shared = {}
            answer = self._ask("begin", number, function, None if has else dict(shared), *rest)
            self._shared = {name: weakref.ref(value) for name, value in shared.items()}
        return answer

    def _ask(self, action: str, *arguments: Any) -> Any:
        if os.getpid() != self._owner:
            raise WorkerDiedError("a second Python process belongs to the parent of this fork")
        request = pickle.dumps((action, arguments), protocol=5)
        with self._lock:
            answer, error = pickle.loads(self.exchange(request))  # noqa: S301  # ours
        if error is not None:
            raise error
        return answer


def replayed(steps: Generator[Any, Any, None], sent: list[Any]) -> Generator[Any, Any, None]:
    """What a generator yields after all that was `sent` to it before; what it is sent from now on is added to that."""
    with closing(steps), suppress(StopIteration):
        yielded = next(steps)
        for value in sent:
            yielded = steps.send(value)
        while True:
            sent.append((yield yielded))
            yielded = steps.send(sent[-1])
