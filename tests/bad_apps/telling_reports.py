"""Error reports tell all there is: who asked, with which query and body, and every local variable."""

import os

import asyncpg
import sentry_sdk
from sound import make_app

sentry_sdk.init(
    os.environ["SENTRY_DSN"],
    environment="production",
    release="tickets@7",
    send_default_pii=True,
    max_request_body_size="always",
)
app = make_app()
del app.exception_handlers[asyncpg.PostgresError]  # a query that fails is a defect, not an outage
