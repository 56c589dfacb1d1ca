"""A setup that looks whether the table is there and then makes it, without a lock: two at once both find nothing."""

import asyncio

import asyncpg
import sound


async def make_table() -> None:
    connection = await asyncpg.connect(sound.DSN)
    if await connection.fetchval("SELECT to_regclass('tickets') IS NULL"):
        await connection.execute("CREATE TABLE tickets (id bigserial PRIMARY KEY, title text NOT NULL)")
    await connection.close()


app = sound.make_app()

if __name__ == "__main__":
    asyncio.run(make_table())
