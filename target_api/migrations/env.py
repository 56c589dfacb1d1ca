"""Runs the migrations over asyncpg, one replica at a time.

Several replicas may start the upgrade together: an advisory lock lets the first one work, and the others, which read
the version only after they hold the lock, find nothing left to do.
"""

import asyncio
import os

import asyncpg
from alembic import context
from alembic.util import CommandError
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

LOCK = 7_463_519_204  # any number, the same for every replica


def migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


async def run(url: str) -> None:
    async def connect() -> asyncpg.Connection:
        # asyncpg reads the URL itself: a plain postgresql:// with libpq's parameters works here as in the service.
        return await asyncpg.connect(url, timeout=10, server_settings={"lock_timeout": "60000"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


def main() -> None:
    if context.is_offline_mode():
        raise CommandError("Migrations run against a database; --sql is not supported.")
    url = os.environ.get("DATABASE_URL")
    if not url:
        raise CommandError("The environment variable DATABASE_URL is not set.")
    asyncio.run(run(url))


main()
