"""The reference API's list of items with the layers that LAYERS names, for layers.py."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI

from target_api import items
from target_api.auth import current_user_id
from target_api.body_limit import BodyLimit
from target_api.database import Database
from target_api.headers import SecurityHeaders
from target_api.logs import RequestLog, configure_logging
from target_api.metrics import Metrics, RequestMetrics
from target_api.request_end import RequestEnd
from target_api.settings import Settings, load_settings
from target_api.tokens import Tokens


class Nothing:
    """A gauge or a histogram that costs nothing."""

    def inc(self) -> None: ...
    def dec(self) -> None: ...
    def set(self, value: float) -> None: ...
    def observe(self, value: float) -> None: ...


class Unmeasured:
    """Stands in for Metrics where the pool is not to be measured."""

    pool_size = pool_in_use = pool_waiting = pool_wait = Nothing()


def make() -> FastAPI:
    layers, settings = set(os.environ["LAYERS"].split(",")), load_settings()
    metrics: Any = Metrics() if "metrics" in layers else Unmeasured()
    app = FastAPI(lifespan=lifespan_of(settings, metrics))
    app.state.tokens = Tokens(settings.token_keys, settings.token_issuer, 900, 10)
    app.include_router(items.router, dependencies=[Depends(current_user_id)] if "auth" in layers else [])
    configure_logging(settings.log_level)
    if "log" not in layers:
        logging.getLogger("target_api.access").setLevel("WARNING")
    add_layers(app, layers, settings, metrics)
    return app


def lifespan_of(settings: Settings, metrics: Any) -> Any:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.database = Database(settings, metrics)
        await app.state.database.open()
        yield
        await app.state.database.close()

    return lifespan


def add_layers(app: FastAPI, layers: set[str], settings: Settings, metrics: Any) -> None:
    """In the order of target_api/main.py."""
    if "end" in layers:
        app.add_middleware(RequestEnd, deadline_s=settings.request_deadline_s)
    if "body-limit" in layers:
        app.add_middleware(BodyLimit, max_bytes=settings.body_max_bytes)
    if "headers" in layers:
        app.add_middleware(SecurityHeaders)
    if "metrics" in layers:
        app.add_middleware(RequestMetrics, metrics=metrics)
    if "request-id" in layers:
        app.add_middleware(RequestLog)
