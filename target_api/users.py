"""Users: create one, read oneself, and the operator's command.

python -m target_api.users add NAME --password-env VARIABLE
"""

import argparse
import asyncio
import os
import sys
from datetime import datetime
from typing import Annotated

from asyncpg import PostgresError
from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from target_api.auth import CurrentUserId, token_refused
from target_api.database import UNAVAILABLE, Database, connect, connect_options
from target_api.passwords import HASHER, Passwords
from target_api.problems import responses
from target_api.settings import ConfigurationError, DatabaseSettings, load

router = APIRouter(prefix="/users", tags=["users"])

PASSWORD_MAX_LENGTH = 128

CREATE = """
INSERT INTO users (name, password_hash) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING id, name, created_at
"""
READ = "SELECT id, name, created_at FROM users WHERE id = $1"
# xmax is 0 in a row that this statement has inserted.
CREATE_OR_SET = """
INSERT INTO users (name, password_hash) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash RETURNING xmax = 0 AS created
"""

UserName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class NewUser(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: UserName
    password: str = Field(min_length=12, max_length=PASSWORD_MAX_LENGTH, repr=False)


class User(BaseModel):
    id: int
    name: str
    created_at: datetime


@router.post("", status_code=201, responses=responses(409))
async def create_user(request: Request, new: NewUser) -> User:
    database: Database = request.app.state.database
    passwords: Passwords = request.app.state.passwords
    password_hash = await passwords.hash(new.password)
    async with database.connection() as connection:
        row = await connection.fetchrow(CREATE, new.name, password_hash)
    if row is None:
        raise HTTPException(409, "This name is taken.")
    return User(**row)


@router.get("/me", responses=responses(401))
async def read_me(request: Request, user_id: CurrentUserId) -> User:
    database: Database = request.app.state.database
    async with database.connection() as connection:
        row = await connection.fetchrow(READ, user_id)
    if row is None:
        raise token_refused("its user is gone")
    return User(**row)


async def create_or_set(settings: DatabaseSettings, user: NewUser) -> bool:
    """Whether the user is new; the password of one who is there already is set."""
    connection = await connect(**connect_options(settings))
    try:
        password_hash = HASHER.hash(user.password)
        return bool(await connection.fetchval(CREATE_OR_SET, user.name, password_hash))
    finally:
        await connection.close(timeout=settings.database_command_timeout_s)


def read_arguments(arguments: list[str]) -> NewUser:
    parser = argparse.ArgumentParser(prog="python -m target_api.users", description="Users of the reference API.")
    add = parser.add_subparsers(required=True).add_parser("add", help="create a user, or set the password of one")
    add.add_argument("name")
    why = "the environment variable that holds the password: every process could see an argument"
    add.add_argument("--password-env", required=True, metavar="VARIABLE", help=why)
    given = parser.parse_args(arguments)
    password = os.environ.get(given.password_env)
    if password is None:
        parser.error(f"The environment variable {given.password_env} is not set.")
    try:
        return NewUser(name=given.name, password=password)
    except ValidationError as error:
        parser.error("; ".join(f"{e['loc'][0]}: {e['msg']}" for e in error.errors()))


def main(arguments: list[str]) -> str | None:
    """What went wrong, if anything did."""
    user = read_arguments(arguments)
    try:
        created = asyncio.run(create_or_set(load(DatabaseSettings), user))
    except ConfigurationError as error:
        return str(error)
    except (*UNAVAILABLE, PostgresError) as error:
        return f"The database cannot be asked ({type(error).__name__}); the user was not set."
    print(f"Created the user {user.name}." if created else f"Set the password of the user {user.name}.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
