"""What all requests share: the settings, the database, the folder with data sets and models."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from hpo.serve.attempts import Attempts
from hpo.serve.cache import Cache
from hpo.serve.database import ServiceDatabase
from hpo.serve.pool import Pool
from hpo.serve.remote.remotes import Remotes
from hpo.serve.settings import Settings
from hpo.serve.snapshots import Snapshots
from hpo.serve.tokens import Tokens


@dataclass
class Service:
    """A running service.

    `folder` has `data`, in which each data set is HASH/NAME, and `models`. `local` says that it listens on loopback
    only, so that nobody needs a token until one has been made. `hosts` are the names by which it may be called, beside
    its addresses. `stopping` is set when it begins to stop: streams of events then end, and clients come again.
    `pool` has processes for what is heavy. `files` is held while files of data sets come or go, and `receiving` counts
    the bytes of each owner that are on their way. `cache` keeps answers that take long to make, and `snapshots` copies
    of studies.
    """

    settings: Settings
    database: ServiceDatabase
    folder: Path
    local: bool = True
    hosts: tuple[str, ...] = ("localhost",)
    stopping: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    attempts: Attempts = field(default_factory=Attempts, init=False)
    tokens: Tokens = field(init=False)
    pool: Pool = field(init=False)
    snapshots: Snapshots = field(init=False)
    remotes: Remotes = field(init=False)
    cache: Cache = field(default_factory=Cache, init=False)
    files: threading.RLock = field(default_factory=threading.RLock, init=False)
    receiving: Counter[str] = field(default_factory=Counter, init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens(self.database)
        self.pool = Pool(self.data_folder)
        self.snapshots = Snapshots(self.folder / "snapshots", self.pool)
        self.remotes = Remotes(self.settings, self.database)

    @property
    def data_folder(self) -> Path:
        """The folder in which searches run, so that their sources are relative to it."""
        return self.folder / "data"

    @property
    def model_folder(self) -> Path:
        """The folder of the trained models."""
        return self.folder / "models"


async def service_of(request: Request) -> Service:
    """The service of a request; asynchronous, since FastAPI gives all else a thread."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]
