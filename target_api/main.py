"""The application: `gunicorn -c target_api/gunicorn.conf.py target_api.main:app`."""

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from target_api import __version__, items, metrics, probes, quotes, sign_in, users
from target_api.body_limit import BodyLimit
from target_api.database import Database, DatabaseUnavailable
from target_api.headers import CORS_EXPOSED, CORS_HEADERS, CORS_METHODS, DOCS, SecurityHeaders
from target_api.logs import RequestLog, configure_logging
from target_api.metrics import Metrics, RequestMetrics
from target_api.passwords import Passwords
from target_api.pricing import Pricing, PricingError
from target_api.problems import EVERYWHERE, RETRY_AFTER, answer_with_problems, problem, responses
from target_api.readiness import Readiness
from target_api.reporting import flush_reports, start_reporting
from target_api.request_end import RequestEnd
from target_api.settings import Settings, load_settings
from target_api.tokens import Tokens

log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Opens what needs an event loop. Nothing here waits for the database or the dependency."""
    settings: Settings = app.state.settings
    app.state.database = Database(settings, app.state.metrics)
    app.state.passwords = Passwords()
    app.state.pricing = Pricing(settings, app.state.metrics)
    app.state.readiness = Readiness(settings)
    await app.state.database.open()
    app.state.readiness.start()
    try:
        yield
    finally:
        await app.state.readiness.stop()
        await app.state.pricing.close()
        app.state.passwords.close()
        await app.state.database.close()
        log.info("Closed the connections.")
        await flush_reports()


async def database_unavailable(_: Request, error: Exception) -> Response:
    return problem(503, "The database is unavailable.", RETRY_AFTER)


async def pricing_failed(_: Request, error: Exception) -> Response:
    assert isinstance(error, PricingError)
    return problem(error.status, error.detail, {"Retry-After": str(math.ceil(error.retry_after_s))})


def add_layers(app: FastAPI, settings: Settings) -> None:
    """The last one added is the outermost: a request that ran into its deadline is logged as 504."""
    app.add_middleware(RequestEnd, deadline_s=settings.request_deadline_s)
    app.add_middleware(BodyLimit, max_bytes=settings.body_max_bytes)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_HEADERS,
            expose_headers=CORS_EXPOSED,
        )
    app.add_middleware(SecurityHeaders)
    app.add_middleware(RequestMetrics, metrics=app.state.metrics)
    app.add_middleware(RequestLog)


def create_app(settings: Settings) -> FastAPI:
    configure_logging(settings.log_level)
    start_reporting(settings)
    app = FastAPI(
        title="Reference API",
        version=__version__,
        lifespan=lifespan,
        responses=responses(*EVERYWHERE),
        docs_url=DOCS if settings.docs else None,
        redoc_url=None,
    )
    app.state.settings = settings
    app.state.metrics = Metrics()
    app.state.tokens = Tokens(
        settings.token_keys, settings.token_issuer, settings.token_lifetime_s, settings.token_leeway_s
    )
    app.state.draining = False  # set by the worker at SIGTERM, read by /ready
    app.include_router(probes.router)
    app.include_router(metrics.router)
    app.include_router(items.router)
    app.include_router(quotes.router)
    app.include_router(users.router)
    app.include_router(sign_in.router)
    answer_with_problems(app)
    app.add_exception_handler(DatabaseUnavailable, database_unavailable)
    app.add_exception_handler(PricingError, pricing_failed)
    add_layers(app, settings)
    return app


app = create_app(load_settings())
