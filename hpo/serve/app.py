"""The service as an ASGI application: its routers, its middleware, and how errors are answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from fastapi import FastAPI

from hpo.serve import problems
from hpo.serve.api import (
    about,
    audited,
    data,
    events,
    health,
    models,
    results,
    searches,
    studies,
    tasks,
)
from hpo.serve.data import data_files
from hpo.serve.http.answering import Answering
from hpo.serve.http.bodies import Bodies
from hpo.serve.http.idempotency import Idempotency
from hpo.serve.http.identify import Identify
from hpo.serve.http.metrics import Metrics
from hpo.serve.jobs.supervisor import Supervisor
from hpo.serve.live.events import Watches
from hpo.serve.service import Service
from hpo.serve.web import routes, signing
from hpo.serve.web.rendering import error_page
from hpo.version import __version__

PREFIX = "/api/v1"


def make_app(service: Service) -> FastAPI:
    """The application of a service."""
    watches = Watches(service.database, service.settings.viewers)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        service.data_folder.mkdir(parents=True, exist_ok=True)
        service.model_folder.mkdir(parents=True, exist_ok=True)
        data_files.tidy(service)
        service.snapshots.tidy()
        supervisor = Supervisor(service)
        supervisor.start()
        yield
        watches.close()
        await to_thread.run_sync(supervisor.stop)
        await to_thread.run_sync(service.remotes.close_all)
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
        redirect_slashes=False,
    )
    app.state.service, app.state.watches = service, watches
    app.state.metrics = Metrics(service.database)
    app.state.error_page = error_page
    problems.install(app)
    # The last one is outermost.
    app.add_middleware(Idempotency, service=service)
    app.add_middleware(Bodies, service=service)
    app.add_middleware(Identify, service=service)
    app.add_middleware(Answering, service=service, metrics=app.state.metrics)
    for api in (about, audited, data, events, models, results, searches, studies, tasks):
        app.include_router(api.router, prefix=PREFIX)
    for pages in (health, routes, signing):
        app.include_router(pages.router)
    return app
