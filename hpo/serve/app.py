"""The service as an ASGI application: its routers, its middleware, and how errors are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from hpo.serve import data_files, problems
from hpo.serve.api import about, data, searches
from hpo.serve.identify import Identify
from hpo.serve.service import Service
from hpo.serve.supervisor import Supervisor
from hpo.version import __version__

PREFIX = "/api/v1"


def make_app(service: Service) -> FastAPI:
    """The application of a service."""

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        service.data_folder.mkdir(parents=True, exist_ok=True)
        service.model_folder.mkdir(parents=True, exist_ok=True)
        data_files.tidy(service)
        supervisor = Supervisor(service)
        supervisor.start()
        yield
        await to_thread.run_sync(supervisor.stop)
        service.pool.close()
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
    app.include_router(data.router, prefix=PREFIX)
    app.include_router(searches.router, prefix=PREFIX)
    return app
