"""Makes exceptions in any app, without a back door: by what its database holds.

`tables_away` renames every table, so that each query fails; an app that turns every error of its driver into a 503
shows no unhandled exception by it. `values_missing` makes a column of a table NULL, so that queries succeed and give
what the code never expected; it breaks the data, so it takes a database of its own.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_LOCK_S = 3
_MOST_COLUMNS = 12
_TABLES = """
    SELECT schemaname, tablename FROM pg_tables
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND schemaname NOT LIKE 'pg_toast%'
    ORDER BY 1, 2
"""
_COLUMNS = """
    SELECT attname FROM pg_attribute
    WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
    ORDER BY attnum
"""
_CONSTRAINTS = "SELECT conname FROM pg_constraint WHERE conrelid = $1::regclass AND contype IN ('p', 'c', 'u')"


@dataclass(frozen=True, slots=True)
class Table:
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{quoted(self.schema)}.{quoted(self.name)}"

    @property
    def away(self) -> str:
        return f"{self.name[:40]}_shakedown_away"


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


async def tables_of(connection: Connection) -> list[Table]:
    return [Table(row[0], row[1]) for row in await connection.fetch(_TABLES)]


@asynccontextmanager
async def tables_away(connection: Connection) -> AsyncIterator[int]:
    """Every table has another name meanwhile; gives their number. All or none, and back whatever happens."""
    tables = await tables_of(connection)
    await connection.execute(f"SET lock_timeout = '{_LOCK_S}s'")
    async with connection.transaction():
        for table in tables:
            await connection.execute(f"ALTER TABLE {table} RENAME TO {quoted(table.away)}")
    try:
        yield len(tables)
    finally:
        await connection.execute("SET lock_timeout = '20s'")
        async with connection.transaction():
            for table in tables:
                away = f"{quoted(table.schema)}.{quoted(table.away)}"
                await connection.execute(f"ALTER TABLE {away} RENAME TO {quoted(table.name)}")


async def values_missing(connection: Connection) -> AsyncGenerator[str, None]:
    """One column after another is NULL in every row, the others as they were; gives the column's name each time."""
    await connection.execute(f"SET lock_timeout = '{_LOCK_S}s'; SET session_replication_role = replica")
    tried = 0
    for table in await tables_of(connection):
        if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {table})"):
            continue
        columns = [row[0] for row in await connection.fetch(_COLUMNS, str(table))]
        for name in [row[0] for row in await connection.fetch(_CONSTRAINTS, str(table))]:
            await connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quoted(name)} CASCADE")
        for column in columns:
            if tried == _MOST_COLUMNS:
                return
            tried += 1
            async with _one_missing(connection, table, column):
                yield f"{table.name}.{column}"


@asynccontextmanager
async def _one_missing(connection: Connection, table: Table, column: str) -> AsyncIterator[None]:
    """The other columns keep their values, so that a query that selects by them still finds the rows."""
    columns = ", ".join(quoted(row[0]) for row in await connection.fetch(_COLUMNS, str(table)))
    await connection.execute(f"CREATE TEMP TABLE shakedown_kept AS SELECT {columns} FROM {table}")
    await connection.execute(f"ALTER TABLE {table} ALTER {quoted(column)} DROP IDENTITY IF EXISTS")
    await connection.execute(f"ALTER TABLE {table} ALTER {quoted(column)} DROP NOT NULL")
    await connection.execute(f"UPDATE {table} SET {quoted(column)} = NULL")
    try:
        yield
    finally:
        async with connection.transaction():
            await connection.execute(f"DELETE FROM {table}")
            await connection.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM shakedown_kept")
            await connection.execute("DROP TABLE shakedown_kept")
