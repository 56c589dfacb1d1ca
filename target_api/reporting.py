"""Error reports to Sentry, or to what speaks its protocol, when SENTRY_DSN is set.

What is logged as an error is reported, and an unhandled exception is logged in one place: so each is reported once. No
integration looks at requests. What is left of an event goes through the same net as the log.
"""

import asyncio
import logging
from typing import Any

import sentry_sdk
from sentry_sdk.integrations.dedupe import DedupeIntegration
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.types import Event, Hint

from target_api import __version__
from target_api.logs import request_id
from target_api.redaction import redact
from target_api.settings import Settings

FLUSH_S = 1  # at shutdown; with closing the pool (3 s) below the worker's CLOSE_MARGIN_S
NEVER_SENT = frozenset({"vars", "headers", "cookies", "data", "query_string", "env", "user"})


def start_reporting(settings: Settings) -> None:
    if settings.sentry_dsn is None:
        return
    sentry_sdk.init(
        dsn=str(settings.sentry_dsn),
        environment=settings.environment,
        release=__version__,
        default_integrations=False,
        integrations=[LoggingIntegration(level=None, event_level=logging.ERROR), DedupeIntegration()],
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        send_client_reports=False,
        auto_session_tracking=False,
        before_send=before_send,
    )


def before_send(event: Event, _: Hint) -> Event:
    clean: Event = scrub(event)
    clean.setdefault("tags", {})["request_id"] = request_id.get()
    return clean


def scrub(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: scrub(one) for key, one in value.items() if key not in NEVER_SENT}
    if isinstance(value, list | tuple):
        return [scrub(one) for one in value]
    return value


async def flush_reports() -> None:
    await asyncio.to_thread(sentry_sdk.flush, FLUSH_S)
