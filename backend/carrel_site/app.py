"""The API's composition root."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from threading import BoundedSemaphore

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from carrel_site.accounts.groups_router import router as groups
from carrel_site.accounts.links_router import router as links
from carrel_site.accounts.router import router as accounts
from carrel_site.accounts.sessions_router import router as sessions
from carrel_site.administration.router import router as administration
from carrel_site.audit.router import router as audit
from carrel_site.black_boxes.router import router as black_boxes
from carrel_site.code.readings import Readings
from carrel_site.code.router import router as code
from carrel_site.core import health, logs, openapi, problems
from carrel_site.core.console import Console
from carrel_site.core.middleware import Gate
from carrel_site.core.paths import console_dir
from carrel_site.datasets.router import router as datasets
from carrel_site.datasets.uploads_router import router as uploads
from carrel_site.datasets.versions_router import router as versions
from carrel_site.events.router import router as events
from carrel_site.ledger import restores
from carrel_site.ledger.router import router as ledger
from carrel_site.outputs.router import router as outputs
from carrel_site.requests.router import router as requests
from carrel_site.runs.internal_router import alive_router as alive
from carrel_site.runs.internal_router import report_router as report
from carrel_site.runs.internal_router import router as internal
from carrel_site.runs.router import router as runs
from carrel_site.runs.workers_router import router as workers
from carrel_site.saved_queries.router import router as saved_queries
from carrel_site.settings import get_settings
from carrel_site.site import Site


def create_app(site: Site | None = None) -> FastAPI:
    """The ASGI application of `site`; of the process's settings when none is given.

    A site that is handed in stays its giver's to close.
    """
    own = site is None
    if site is None:
        settings = get_settings()
        logs.configure(settings.log_level)
        site = Site.open(settings)
    served = site

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        served.storage.prepare()
        await run_in_threadpool(restores.reconcile, served)  # or nothing is served
        current_default_thread_limiter().total_tokens = served.settings.api_threads
        await served.wakeups.start()
        try:
            yield
        finally:
            await served.wakeups.stop()
            app.state.readings.close()
            if own:
                served.close()

    app = FastAPI(
        title="Carrel",
        version=version("carrel"),
        description="Compute on data you cannot see; only reviewed or private results leave.",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
    )
    app.state.site = site
    app.state.uploads = BoundedSemaphore(site.settings.upload_max_concurrent)
    app.state.verifying = BoundedSemaphore(1)
    app.state.readings = Readings()
    for router in (  # in the order in which paths are tried: those of every question first
        requests,
        runs,
        internal,
        health.router,
        accounts,
        sessions,
        links,
        groups,
        datasets,
        versions,
        uploads,
        ledger,
        workers,
        audit,
        saved_queries,
        administration,
        events,
        code,
        black_boxes,
        outputs,
        alive,
        report,
    ):
        app.include_router(router)
    problems.install(app)
    openapi.install(app)
    app.add_middleware(Console, folder=console_dir())
    app.add_middleware(
        Gate,
        max_body=site.settings.request_max_bytes,
        max_result=site.settings.result_max_bytes,
        https=site.settings.site_url.startswith("https:"),
    )
    return app
