"""The application: `gunicorn -c target_api/gunicorn.conf.py target_api.main:app`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from target_api import __version__, items, probes, quotes
from target_api.database import Database, DatabaseUnavailable
from target_api.deadline import RequestDeadline
from target_api.logs import ID_HEADER, RequestLog, configure_logging, request_id
from target_api.quotes import Pricing, PricingError
from target_api.readiness import Readiness
from target_api.settings import Settings, load_settings

log = logging.getLogger(__name__)

RETRY_AFTER = {"Retry-After": "1"}


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens what needs an event loop. Nothing here waits for the database or the dependency."""
    settings: Settings = app.state.settings
    app.state.database = Database(settings)
    app.state.pricing = Pricing(settings)
    app.state.readiness = Readiness(settings)
    await app.state.database.open()
    app.state.readiness.start()
    try:
        yield
    finally:
        await app.state.readiness.stop()
        await app.state.pricing.close()
        await app.state.database.close()
        log.info("Closed the connections.")


async def database_unavailable(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": "The database is unavailable."}, 503, headers=RETRY_AFTER)


async def pricing_failed(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, PricingError)
    return JSONResponse({"detail": error.detail}, error.status, headers=RETRY_AFTER)


async def defect(_: Request, error: Exception) -> JSONResponse:
    """A mistake of ours: the server logs the traceback, the client gets the id to report."""
    current = request_id.get()
    return JSONResponse({"detail": "Internal error.", "request_id": current}, 500, headers={ID_HEADER: current})


def create_app(settings: Settings) -> FastAPI:
    configure_logging(settings.log_level)
    app = FastAPI(title="Reference API", version=__version__, lifespan=lifespan)
    app.state.settings = settings
    app.state.draining = False  # set by the worker at SIGTERM, read by /ready
    app.include_router(probes.router)
    app.include_router(items.router)
    app.include_router(quotes.router)
    app.add_exception_handler(DatabaseUnavailable, database_unavailable)
    app.add_exception_handler(PricingError, pricing_failed)
    app.add_exception_handler(Exception, defect)
    # The last one added is the outermost: a request that ran into its deadline is logged as 504.
    app.add_middleware(RequestDeadline, deadline_s=settings.request_deadline_s)
    app.add_middleware(RequestLog)
    return app


app = create_app(load_settings())
