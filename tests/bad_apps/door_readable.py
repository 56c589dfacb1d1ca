"""The setup stores the password as it was typed. `python door_readable.py` is the setup."""

import asyncio
import os

import asyncpg
import door

app = door.app


async def set_up() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"])
    await connection.execute("CREATE TABLE IF NOT EXISTS guests (name text PRIMARY KEY, password text NOT NULL)")
    await connection.execute("INSERT INTO guests VALUES ('guest', $1) ON CONFLICT DO NOTHING", door.PIN)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(set_up())
