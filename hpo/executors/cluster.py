"""Tasks of a user's function on a Dask cluster: on this machine, or wherever a scheduler has workers.

Each task trains in a process that a Dask worker begins beside itself, as in `hpo.executors.processes`. So a function
has a process to itself here, too, and whatever it does to that, the worker lives on. Dask brings the processes to
where there is room, and carries what goes to them and comes back.

Workers may come and go. A task whose worker is gone begins again elsewhere, and while there is none, tasks wait. If the
scheduler is restarted, the cluster is connected to anew.
"""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib.metadata import distributions
from typing import TYPE_CHECKING, Any, Self

from hpo.errors import PlanError
from hpo.executors.processes import MODULE, Processes, shown
from hpo.trainables.protocol import Trainable
from studies import extras
from trainer.other_process import OtherProcess, WorkerDiedError
from trainer.worker import Worker

if TYPE_CHECKING:
    from distributed import Client

CONNECT_SECONDS = 10.0
POLL_SECONDS = 0.5
PATIENCE = 10.0  # seconds without any worker after which it is said


class Hosted:
    """A process beside a Dask worker. An actor: it lives in that worker until its client ends, or lets go of it."""

    def __init__(self, environment: Mapping[str, str], memory: int | None) -> None:
        self._printed: list[bytes] = []
        self._worker = Worker(
            MODULE, printed=self._printed.append, environment=environment, memory=memory
        )
        self._thread = ThreadPoolExecutor(1)

    async def exchange(self, request: bytes) -> tuple[bytes | None, bytes, str]:
        """The answer to a request, what was printed meanwhile, and how the process died if there is no answer."""
        import asyncio  # which Dask has by then, and a search on this machine does without

        answer, died = None, ""
        try:
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(self._thread, self._worker.exchange, request)
        except WorkerDiedError as error:
            died = str(error)
        printed = b"".join(self._printed)
        self._printed.clear()
        return answer, printed, died

    async def end(self) -> None:
        """End the process and all that it has begun, also in the middle of a step."""
        self._worker.kill()

    def __del__(self) -> None:
        self._worker.close()
        self._thread.shutdown(wait=False)


class Remote(OtherProcess):
    """A process beside the Dask worker at an address."""

    def __init__(
        self, client: Client, future: Any, address: str, printed: Callable[[bytes], None]
    ) -> None:
        super().__init__()
        self.address = address
        self._client, self._show = client, printed
        self._future = future  # the actor lives as long as somebody has this
        self._host = future.result(timeout=60)
        self._ended = threading.Event()

    def exchange(self, request: bytes) -> bytes:
        """Send a pickled request, and wait for its pickled answer."""
        if self._ended.is_set():
            raise WorkerDiedError("it has ended")
        try:
            with self._client.as_current():  # or the actor looks for another one
                future = self._host.exchange(request)
            while True:
                try:
                    answer, printed, died = future.result(timeout=POLL_SECONDS)
                    break
                except TimeoutError:
                    if self._ended.is_set():
                        raise WorkerDiedError("it has ended") from None
                    if self._future.status != "finished":  # Dask does not tell those who wait
                        raise OSError(self._future.status) from None
        except WorkerDiedError:
            raise
        except Exception as error:  # Dask raises whatever went wrong on the way
            self._ended.set()
            text = f"the Dask worker {self.address} is gone: {type(error).__name__}"
            raise WorkerDiedError(text) from None
        if printed:
            self._show(printed)
        if answer is None:
            self._ended.set()
            raise WorkerDiedError(died)
        return bytes(answer)

    def alive(self) -> bool:
        """Whether it has not ended."""
        return not self._ended.is_set()

    def close(self) -> None:
        """End the process."""
        if not self._ended.is_set():
            self._ended.set()
            with suppress(Exception), self._client.as_current():  # it may be gone already
                self._host.end()


class Cluster(Processes):
    """An executor on the workers of a Dask cluster; without an `address`, on one of this machine.

    At most `workers` tasks train at once, and at most as many as the Dask workers have threads. `noticed` is told when
    there is no worker for a while, and when there is one again.
    """

    def __init__(
        self,
        trainable: Trainable,
        workers: int,
        trained: Callable[[int], None] = lambda _: None,
        *,
        address: str | None = None,
        ahead: int = 1,
        timeout: float | None = None,
        memory: int | None = None,
        noticed: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(trainable, workers, trained, ahead=ahead, timeout=timeout, memory=memory)
        self._address, self._noticed = address, noticed
        self._local = workers
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._room = threading.Condition()
        self._running = 0

    def __enter__(self) -> Self:
        self._stack.callback(self._disconnect)
        self._connected()
        return super().__enter__()

    def _disconnect(self) -> None:
        if self._client is not None:
            with suppress(Exception):  # what matters is recorded
                self._client.close(timeout=2)

    def _advance(self, *arguments: Any) -> None:
        """Train on to the next pause, as soon as the cluster has room for one more task."""
        with self._room:
            while not self._stopping.is_set() and self._running >= self._slots():
                self._room.wait(POLL_SECONDS)
            self._running += 1
        try:
            super()._advance(*arguments)
        finally:
            with self._room:
                self._running -= 1
                self._room.notify()

    def _slots(self) -> int:
        return sum(self._threads().values())

    def _threads(self) -> Mapping[str, int]:
        """How many tasks each Dask worker may train at once."""
        since, told = time.monotonic(), False
        while not self._stopping.is_set():
            threads: Mapping[str, int] = {}
            with suppress(Exception):  # the scheduler is away, or the client has lost it
                threads = self._connected().nthreads()
            if threads:
                if told:
                    self._noticed("the cluster has workers again")
                return threads
            if not told and time.monotonic() - since > PATIENCE:
                told = True
                self._noticed("the cluster has no worker: the search waits for one")
            time.sleep(POLL_SECONDS)
        return {}

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is None or self._client.status != "running":
                self._disconnect()
                self._client = connected(self._address, self._local)
            return self._client

    def _begun(self) -> OtherProcess:
        """A process beside the Dask worker that has the most room."""
        threads = self._threads()
        used = [p.address for p in self._processes if isinstance(p, Remote)]
        if not threads:
            raise WorkerDiedError("no process begins after the end")
        address = max(threads, key=lambda place: threads[place] - used.count(place))
        try:
            client = self._connected()
            future = client.submit(
                Hosted, self._environment, self._memory,
                actor=True, workers=[address], pure=False, retries=0,
            )  # fmt: skip
            return Remote(client, future, address, shown())
        except Exception as error:  # the worker has just gone
            raise WorkerDiedError(
                f"the Dask worker {address} is gone: {type(error).__name__}"
            ) from None


def connected(address: str | None, workers: int) -> Client:
    """A client of the scheduler at an address, or of a cluster in this process with room for so many tasks.

    Raises:
        PlanError: Dask is not installed, or no scheduler answers.
    """
    try:
        import distributed
    except ImportError:
        raise PlanError(f"executor dask: {extras.command('cluster')}") from None
    for name in ("distributed", "distributed.client", "distributed.comm", "distributed.worker"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # we say ourselves what is lost
    options: dict[str, Any] = {"set_as_default": False, "timeout": CONNECT_SECONDS}
    try:
        if address is not None:
            return distributed.Client(address, **options)
        # The processes are ours, so the worker is a thread: scripts need no `if __name__ == "__main__"`.
        return distributed.Client(
            processes=False, n_workers=1, threads_per_worker=workers, dashboard_address="127.0.0.1:0", **options
        )  # fmt: skip
    except (OSError, ValueError, TypeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PlanError(
            f"executor dask:{address}: no scheduler of Dask answers there: {line}"
        ) from None


def check_cluster(address: str, load: Callable[[], object]) -> list[str]:
    """Check that the workers of a cluster can `load` what is to train, and return how their packages differ from ours.

    Raises:
        PlanError: no scheduler answers, or a worker can't load it.
    """
    client = connected(address, 1)
    try:
        if not client.nthreads():
            return ["the cluster has no worker yet: the search waits for one"]
        try:
            there = client.run(versions)
            client.run(load)
        except Exception as error:  # whatever can't be imported there
            line = (str(error).strip().splitlines() or [""])[0]
            raise PlanError(
                f"executor dask:{address}: a worker can't load what is to train: {type(error).__name__}: {line}; "
                "install hpo and what the function imports there"
            ) from None
    finally:
        client.close(timeout=2)
    here, notes = versions(), []
    for worker, packages in there.items():
        different = [
            f"{name} {packages[name]} there, {here[name]} here"
            for name in sorted(here.keys() & packages.keys())
            if packages[name] != here[name]
        ]
        if different:
            more = f", and {len(different) - 5} more" if len(different) > 5 else ""
            notes.append(
                f"the Dask worker {worker} has other versions: {'; '.join(different[:5])}{more}"
            )
    return notes


def versions() -> dict[str, str]:
    """The versions of Python and of all packages that are installed."""
    found = {d.name: d.version for d in distributions()}
    return {"Python": platform.python_version(), **found}
