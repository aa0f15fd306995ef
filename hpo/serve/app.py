"""The service as an ASGI application: its routers, its middleware, and how errors are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from hpo.serve import problems
from hpo.serve.api import about, events
from hpo.serve.identify import Identify
from hpo.serve.service import Service
from hpo.version import __version__

PREFIX = "/api/v1"


def make_app(service: Service) -> FastAPI:
    """The application of a service."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        service.data_folder.mkdir(parents=True, exist_ok=True)
        service.model_folder.mkdir(parents=True, exist_ok=True)
        yield
        service.watches.close()
        service.database.close()

    app = FastAPI(
        title="hpo",
        summary="Hyperparameter search that narrows its ranges round by round, on evidence.",
        version=__version__,
        lifespan=running,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    problems.install(app)
    app.add_middleware(Identify, service=service)
    app.include_router(about.router, prefix=PREFIX)
    app.include_router(events.router, prefix=PREFIX)
    return app
