"""What all requests share: the settings, the database, the folder with data sets and models."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from hpo.serve.database import ServiceDatabase
from hpo.serve.events import Watches
from hpo.serve.settings import Settings


@dataclass
class Service:
    """A running service.

    `folder` has `data`, in which each data set is HASH/NAME, and `models`. `local` says that it listens on loopback
    only, so that nobody needs a token until one has been made. `hosts` are the names by which it may be called.
    `watches` are the searches that somebody views now.
    """

    settings: Settings
    database: ServiceDatabase
    folder: Path
    local: bool = True
    secure: bool = False
    hosts: tuple[str, ...] = field(default=("127.0.0.1", "localhost", "[::1]"))
    watches: Watches = field(init=False)

    def __post_init__(self) -> None:
        self.watches = Watches(self.database, self.settings.viewers)

    @property
    def data_folder(self) -> Path:
        """The folder in which searches run, so that their sources are relative to it."""
        return self.folder / "data"

    @property
    def model_folder(self) -> Path:
        """The folder of the trained models."""
        return self.folder / "models"


def service_of(request: Request) -> Service:
    """The service of a request."""
    service: Service = request.app.state.service
    return service


TheService = Annotated[Service, Depends(service_of)]
