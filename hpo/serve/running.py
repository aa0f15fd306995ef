"""Runs the service with uvicorn until it is asked to stop."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from hpo.serve.app import make_app
from hpo.serve.database import ServiceDatabase
from hpo.serve.service import Service
from hpo.serve.settings import Settings, read_settings


def run(host: str, port: int, *, folder: Path, config: Path | None, storage: str) -> None:
    """Serve until a signal asks to stop."""
    settings = Settings() if config is None else read_settings(config)
    service = Service(settings, ServiceDatabase(storage), folder.resolve())
    uvicorn.run(make_app(service), host=host, port=port, log_level="warning")
