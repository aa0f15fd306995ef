"""A second Python process, which reads data while this one imports other things, and trains stacks beside it.

A worker belongs to whoever began it. It ends when it is closed, or when its parent ends, even by SIGKILL. A request to
it and its answer are pickles that go over a pipe between the two processes, and are never stored. Several threads may
use one worker: it answers one request at a time, and between two epochs of a training it answers others.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from multiprocessing.connection import Connection, Pipe, wait
from typing import IO, Any, Self

from trainer.other_process import OtherProcess, WorkerDiedError

AVAILABLE = os.name == "posix"
"""Whether this system can begin workers."""


class Worker(OtherProcess):
    """A second Python process that imports `modules` and then runs one function after another. A context manager.

    What it prints is told when it has died; or, with `printed`, passed on at once by the thread that waits for it.
    `environment` are variables that differ from those of this process. It may have `memory` bytes of its own; then
    Python raises MemoryError there, or the process dies.
    """

    def __init__(
        self,
        *modules: str,
        printed: Callable[[bytes], None] | None = None,
        environment: Mapping[str, str] | None = None,
        memory: int | None = None,
    ) -> None:
        self._connection, there = Pipe()
        self._printed = printed
        if printed is None:
            # A file, because a pipe that nobody reads would block the process when it is full.
            self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # `close` closes it
            written = self._output.fileno()
        else:
            reading, written = os.pipe()
            os.set_blocking(reading, False)
            self._output = open(reading, "rb", buffering=0)  # noqa: SIM115, PTH123  # the same
        with there:
            self.process = subprocess.Popen(  # noqa: S603  # it runs this module
                # With -P no file in the current folder takes the place of a module.
                [
                    sys.executable,
                    "-P",
                    "-m",
                    __name__,
                    str(there.fileno()),
                    str(memory or 0),
                    *modules,
                ],
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                pass_fds=[there.fileno()],
                env={**os.environ, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for the process that waits
            )
        if printed is not None:
            os.close(written)
        super().__init__()
        self._greeted = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> bool:
        """Whether it has imported its modules and is alive."""
        if os.getpid() != self._owner:
            return False  # in a fork: the worker is its parent's
        if not self._greeted and self._lock.acquire(blocking=False):
            try:
                with suppress(EOFError, OSError):
                    if self._connection.poll():
                        self._greet()
            finally:
                self._lock.release()
        return self._greeted and self.process.poll() is None

    def alive(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def kill(self) -> None:
        """Kill the process and all that it has begun. A request that it was answering raises WorkerDiedError."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def close(self) -> None:
        """End the process."""
        if os.getpid() == self._owner:
            self.kill()
            self.process.wait()
            with self._lock:
                self._connection.close()
                self._output.close()

    def exchange(self, request: bytes) -> bytes:
        """Send a pickled request, and wait for its pickled answer.

        Raises:
            WorkerDiedError: the process died.
        """
        try:
            if not self._greeted:
                self._greet()
            self._connection.send_bytes(request)
            self._pass_on()
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise WorkerDiedError(self._end()) from None
        except BaseException:
            self.close()  # or its answer would be taken for that of the next request
            raise

    def _greet(self) -> None:
        self._connection.recv_bytes()
        self._greeted = True

    def _pass_on(self) -> None:
        """Pass on what it prints until it has answered."""
        if self._printed is None:
            return
        answered = False
        while not answered:
            answered = self._connection in wait([self._connection, self._output.fileno()])
            while output := self._output.read(65536):  # None: there is no more for now
                self._printed(output)
            if output == b"":  # it has closed both
                return

    def _end(self) -> str:
        """Close it after it has died, and return how it ended."""
        output = b""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=1)
        if not self._output.closed and self._printed is None:
            self._output.seek(0)
            output = self._output.read()
        self.close()
        status = self.process.returncode
        text = output.decode(errors="replace").strip() or ("it was killed" if status < 0 else "")
        return f"a second Python process ended with status {status}: {text}".removesuffix(": ")


class _Server:
    """What a worker keeps: functions and unfinished generators by number, and what generators share."""

    def __init__(self) -> None:
        self.kept: dict[int, Any] = {}
        self.shared: Mapping[str, Any] = {}

    def run(self, action: str, *rest: Any) -> Any:
        """Do what one request asks for."""
        match action, rest:
            case "call", (function, arguments, options):
                return function(*arguments, **options)
            case "keep", (number, make, arguments, options):
                self.kept[number] = make(*arguments, **options)
            case "call_kept", (number, *arguments):
                return self.kept[number](*arguments)
            case "begin", (number, function, shared, arguments, options):
                self.shared = self.shared if shared is None else shared
                self.kept[number] = function(*arguments, **self.shared, **options)
                return self.run("send", number, None)
            case "send", (number, value):
                generator = self.kept.pop(number)
                with suppress(StopIteration):
                    yielded = (generator.send(value),)  # in a tuple, because None is its end
                    self.kept[number] = generator
                    return yielded
            case "close", (number,):
                self.kept.pop(number).close()
        return None


def _answer(server: _Server, request: bytes) -> bytes:
    """The pickled answer to a request: (what it returned, None), or (None, the error that it raised)."""
    try:
        action, arguments = pickle.loads(request)  # noqa: S301  # our parent wrote it
        answer = pickle.dumps((server.run(action, *arguments), None), protocol=5)
        for stream in (sys.stdout, sys.stderr):  # what it has printed comes before the answer
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        return answer
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        try:
            answer = pickle.dumps((None, error), protocol=5)
            pickle.loads(answer)  # noqa: S301  # not every error can be made again from its pickle
        except Exception:
            text = f"{type(error).__name__}: {error}"
            answer = pickle.dumps((None, RuntimeError(text)), protocol=5)
        return answer


def _end_with_parent(descriptor: int) -> None:
    """End this process, also in the middle of a step, and what it has begun, when nobody has the other end any more."""
    poll = select.poll()
    poll.register(descriptor, 0)  # it only hears that the other end is closed
    while not any(event & select.POLLHUP for _, event in poll.poll()):
        time.sleep(1)  # an error that does not go away
    os.killpg(0, signal.SIGKILL)


def _serve(connection: Connection, memory: int, modules: Sequence[str]) -> None:
    import numpy as np  # noqa: F401  # it brings the BLAS that is limited here
    from threadpoolctl import threadpool_limits

    for stream in (sys.stdout, sys.stderr):
        # Whole lines, whatever PYTHONUNBUFFERED says: what several processes print is shown as it comes.
        stream.reconfigure(line_buffering=True, write_through=False)  # type: ignore[union-attr]  # text files
    for module in modules:
        import_module(module)
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    threading.Thread(target=_end_with_parent, args=(connection.fileno(),), daemon=True).start()
    server = _Server()
    with threadpool_limits(1, user_api="blas"), suppress(EOFError, ConnectionError):
        connection.send_bytes(b"ready")
        while True:
            connection.send_bytes(_answer(server, connection.recv_bytes()))


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])), int(sys.argv[2]), sys.argv[3:])
