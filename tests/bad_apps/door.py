"""A service with a door that closes: one user, tokens of an hour, and a page for whoever has one.

It is sound but for the size of bodies; `door_*.py` replace what makes it so. Nothing is stored.
"""

import logging
import os
import secrets
import time
from typing import Annotated, Any

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

log = logging.getLogger("uvicorn.error")
SIGNING_KEY = os.environ["SIGNING_KEY"]
PIN = os.environ["DOOR_PIN"]
LIFETIME_S = 3600
bearer = HTTPBearer(auto_error=False)
Given = Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]


class Login(BaseModel):
    user: str
    password: str


def issue(user: str) -> str:
    now = int(time.time())
    return jwt.encode({"sub": user, "iss": "door", "iat": now, "exp": now + LIFETIME_S}, SIGNING_KEY, "HS256")


def verify(token: str) -> dict[str, Any]:
    options = {"require": ["sub", "exp", "iss"]}
    return jwt.decode(token, SIGNING_KEY, algorithms=["HS256"], issuer="door", leeway=5, options=options)


def refuse() -> HTTPException:
    return HTTPException(401, "not valid", headers={"WWW-Authenticate": "Bearer"})


def make_app(issue: Any = issue, verify: Any = verify, open_path: bool = False) -> FastAPI:
    app = FastAPI(title="Door")

    async def who(given: Given) -> str:
        if given is None:
            raise refuse()
        try:
            return str(verify(given.credentials)["sub"])
        except jwt.PyJWTError as why:
            log.warning("refused: %s", type(why).__name__)
            raise refuse() from None

    @app.get("/health")
    @app.get("/ready")
    async def alive() -> str:
        return "ok"

    @app.post("/login")
    async def login(asked: Login) -> dict[str, str]:
        if not secrets.compare_digest(asked.password.encode(), PIN.encode()):
            raise refuse()
        return {"access_token": issue(asked.user)}

    @app.get("/me")
    async def me(user: Annotated[str, Depends(who)]) -> dict[str, str]:
        return {"user": user}

    @app.get("/visits/{visit_id}", dependencies=[Depends(bearer if open_path else who)])
    async def visit(visit_id: int) -> dict[str, int]:
        return {"visit": visit_id}

    return app


app = make_app()
