"""Runs the service with uvicorn until it is asked to stop, and ends connections that would never end."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from hpo.errors import PlanError
from hpo.serve import listening
from hpo.serve.app import make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.http import logs
from hpo.serve.service import Service
from hpo.serve.settings import Settings, read_settings
from hpo.serve.tokens import stored
from studies.database.engine import masked, now

HEAD_SECONDS = 20.0  # for the head of a request, and between two requests of a connection
STALLED_SECONDS = 30.0  # for a client that takes nothing of its answer
KEEP_ALIVE_SECONDS = 15  # more than the 5 s of usual clients, which then are the first to close
STOP_SECONDS = 20  # in which requests are finished before the service ends


@dataclass(frozen=True)
class Options:
    """How the service is run: the options of `hpo serve`."""

    host: str
    port: int
    folder: Path
    storage: str
    config: Path | None = None
    jobs: int | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    insecure: bool = False
    allow_hosts: Sequence[str] = ()


def run(options: Options, say: Callable[[str], None]) -> None:
    """Serve until a signal asks to stop. `say` prints a line about where, and for whom.

    Raises:
        PlanError: an option or a setting breaks a rule, or a token is missing.
        HpoError: the folder, the database or the port can't be used.
    """
    settings = Settings() if options.config is None else read_settings(options.config)
    if options.jobs is not None:
        settings = settings.model_copy(update={"jobs": options.jobs})
    address = listening.address_of(options.host, options.port)
    listening.check_tls(options.tls_cert, options.tls_key)
    _check_safe(address, options)
    listening.check_folder(options.folder)
    database = ServiceDatabase(options.storage)
    service = Service(
        settings,
        database,
        options.folder.resolve(),
        local=address.loopback and not options.allow_hosts,
        hosts=listening.names_of(address, options.allow_hosts),
    )
    if not service.local and not any(token.state(now()) == "valid" for token in stored(database)):
        raise PlanError(
            "others than you could reach this service, so it needs a token first: "
            "hpo token create NAME --scope admin"
        )
    listener = listening.listen(address)
    for line in _lines(options, service, address, listener):
        say(line)
    logs.set_up()
    _allow_many_files()
    config = uvicorn.Config(
        make_app(service),
        http="h11",  # it limits the size of a head, which httptools does not
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(options.allow_hosts),
        ssl_certfile=options.tls_cert,
        ssl_keyfile=options.tls_key,
        backlog=listening.BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    _Server(config, service).run(sockets=[listener])


def _check_safe(address: listening.Address, options: Options) -> None:
    if not (address.loopback or options.tls_cert or options.insecure):
        raise PlanError(
            f"--host {options.host}: tokens and data would go over the network for all to read: "
            "give --tls-cert and --tls-key, or --insecure where that is no risk"
        )


def _lines(
    options: Options, service: Service, address: listening.Address, listener: socket.socket
) -> list[str]:
    """What is said at the start."""
    scheme = "https" if options.tls_cert else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    port = listener.getsockname()[1]
    lines = [
        f"hpo serves on {scheme}://{host}:{port}",
        f"Studies are kept in {masked(service.database.url)}",
        f"Data sets and models are kept in {service.folder}",
    ]
    if not service.local or service.tokens.exist():
        lines.append("Every request needs a token: hpo token create NAME --scope run")
    else:
        lines.append(
            "Only this machine can reach it, and nobody needs a token before the first is made: "
            "hpo token create NAME --scope run"
        )
    if not address.loopback and not options.tls_cert:
        lines.append(
            "Warning: by --insecure, tokens and data go over the network unencrypted; "
            "whoever can listen there can read and use them."
        )
    return lines


def _allow_many_files() -> None:
    """Each connection is an open file, of which many systems allow a process 1,024 before it asks for more."""
    try:
        import resource
    except ImportError:  # on Windows, which has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


class _Server(uvicorn.Server):
    """uvicorn, which leaves a connection alone that sends half a head or reads nothing: here it is closed."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service
        self._seen: dict[Any, tuple[Any, int, float]] = {}

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first signal asks to stop, and the second one ends the process."""
        if self.should_exit:
            os._exit(128 + sig)
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second: whether to stop."""
        if counter % 10 == 0:
            self._close_idle()
        if self.should_exit:
            self._service.stopping.set()
            self._service.remotes.release()
        return await super().on_tick(counter)

    def _close_idle(self) -> None:
        """Close connections on which nothing has happened for long: no request came, or no byte was taken."""
        now = time.monotonic()
        seen: dict[Any, tuple[Any, int, float]] = {}
        connections: set[Any] = self.server_state.connections  # each is an H11Protocol
        for connection in connections:
            cycle, transport = connection.cycle, connection.transport
            waiting = transport.get_write_buffer_size()
            idle = cycle is None or cycle.response_complete
            before = self._seen.get(connection)
            same = before is not None and before[0] is cycle and before[1] == waiting
            since = before[2] if same and before is not None else now
            if waiting and now - since > STALLED_SECONDS:
                transport.abort()
            elif idle and not waiting and now - since > HEAD_SECONDS:
                transport.close()
            seen[connection] = (cycle, waiting, since)
        self._seen = seen
