"""Signing in: a name and a password get a token, which speaks for its user until it expires.

Whether it was the name or the password that was wrong is told to the log, never to the client.
"""

import logging
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from pydantic import BaseModel, Field

from target_api.database import Database
from target_api.passwords import Passwords
from target_api.problems import responses
from target_api.tokens import Tokens
from target_api.users import PASSWORD_MAX_LENGTH, UserName

log = logging.getLogger(__name__)
router = APIRouter(tags=["users"])

FIND = "SELECT id, password_hash FROM users WHERE name = $1"
# Nothing is replaced when the password was changed meanwhile.
REHASH = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2"


class Credentials(BaseModel):
    """The form of OAuth2's password grant; what else a client sends with it (scope, client_id) is not used."""

    grant_type: Literal["password"] = "password"
    username: UserName
    password: str = Field(min_length=1, max_length=PASSWORD_MAX_LENGTH, repr=False)


class Token(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"
    expires_in: int


@router.post("/tokens", responses=responses(401))
async def create_token(request: Request, credentials: Annotated[Credentials, Form()]) -> Token:
    database: Database = request.app.state.database
    passwords: Passwords = request.app.state.passwords
    tokens: Tokens = request.app.state.tokens
    # No connection is held while the password is checked: others need it more.
    async with database.connection() as connection:
        user = await connection.fetchrow(FIND, credentials.username)
    stored_hash = None if user is None else user["password_hash"]
    checked = await passwords.check(stored_hash, credentials.password)
    if user is None or not checked.right:
        log.warning("Sign-in refused: %s.", "no such name" if user is None else f"wrong password of user {user['id']}")
        raise HTTPException(401, "The name or the password is wrong.", headers={"WWW-Authenticate": "Bearer"})
    if checked.fresh_hash is not None:
        async with database.connection() as connection:
            await connection.execute(REHASH, user["id"], stored_hash, checked.fresh_hash)
    return Token(access_token=tokens.issue(user["id"]), expires_in=tokens.lifetime_s)
