"""The pool of PostgreSQL connections: bounded in size and in every wait, and not needed to start.

What a request can lose here when the server freezes: acquire 1 s + command 3 s + release 1 s. asyncpg cancels a query
over a second connection, and gives that up after the command timeout or the release's own, whichever is shorter.
"""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from target_api.metrics import Metrics
from target_api.settings import DatabaseSettings

log = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 3
TCP_LIMITS = (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 3), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 5000))

# What says that the database is away, too busy or going down. A mistake of ours (a wrong query) is not among them.
UNAVAILABLE = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)


class DatabaseUnavailable(Exception):
    """The database did not answer in time, or not at all: the client may try again."""


async def connect(*args: Any, **kwargs: Any) -> asyncpg.Connection:
    """asyncpg has no option for keepalive: without it a peer that vanished is noticed after many minutes."""
    connection: asyncpg.Connection = await asyncpg.connect(*args, **kwargs)
    sock = connection._transport.get_extra_info("socket")  # type: ignore[attr-defined]
    if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in TCP_LIMITS:
            if hasattr(socket, name):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection


def connect_options(settings: DatabaseSettings) -> dict[str, Any]:
    return {
        "dsn": str(settings.database_url),
        "timeout": settings.database_connect_timeout_s,
        "command_timeout": settings.database_command_timeout_s,
        "server_settings": {
            "application_name": "target-api",
            # The server gives up first, so that a slow query ends with an error instead of a cancelled connection.
            "statement_timeout": f"{settings.database_statement_timeout_s * 1000:.0f}",
            "idle_in_transaction_session_timeout": "10000",
            # A query whose client died ends within a second, not when it is done.
            "client_connection_check_interval": "1000",
        },
    }


class Database:
    def __init__(self, settings: DatabaseSettings, metrics: Metrics) -> None:
        self.metrics = metrics
        self.acquire_timeout_s = settings.database_acquire_timeout_s
        self.size = 0
        # min_size 0: nothing is connected before the first use, so the service starts while the database is away.
        self.pool = asyncpg.create_pool(
            **connect_options(settings),
            connect=connect,
            min_size=0,
            max_size=settings.database_pool_max,
            max_inactive_connection_lifetime=60,
        )

    async def open(self) -> None:
        await self.pool

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[PoolConnectionProxy]:
        connection = await self.acquire()
        self.metrics.pool_in_use.inc()
        try:
            yield connection
        except UNAVAILABLE as error:
            raise unavailable("query", error) from error
        finally:
            self.metrics.pool_in_use.dec()
            # The answer is known by now. When giving back fails, the pool has dropped the connection already.
            with contextlib.suppress(*UNAVAILABLE):
                await self.pool.release(connection, timeout=self.acquire_timeout_s)

    async def acquire(self) -> PoolConnectionProxy:
        began_s = time.perf_counter()
        self.metrics.pool_waiting.inc()
        try:
            return await self.pool.acquire(timeout=self.acquire_timeout_s)
        except UNAVAILABLE as error:
            if isinstance(error, TimeoutError):
                self.metrics.shed.labels("pool").inc()
            raise unavailable("connect", error) from error
        finally:
            self.metrics.pool_waiting.dec()
            self.metrics.pool_wait.observe(time.perf_counter() - began_s)
            self.note_size()

    def note_size(self) -> None:
        """Told when it changes, which is seldom: each write to a metric costs a request its microsecond."""
        if (size := self.pool.get_size()) != self.size:
            self.size = size
            self.metrics.pool_size.set(size)

    async def close(self) -> None:
        """pool.close() waits for the connections in use, without end: bounded here, then they are cut."""
        try:
            await asyncio.wait_for(self.pool.close(), CLOSE_TIMEOUT_S)
        except UNAVAILABLE as error:
            log.warning("The pool was cut, it did not close in %d s (%s).", CLOSE_TIMEOUT_S, type(error).__name__)
            self.pool.terminate()


def unavailable(step: str, error: BaseException) -> DatabaseUnavailable:
    log.warning("Database unavailable: %s failed with %s.", step, type(error).__name__)
    return DatabaseUnavailable(f"{step}: {type(error).__name__}")
