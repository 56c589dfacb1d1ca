"""Errors of the reference API: one form for all of them, declared in its OpenAPI, without what was sent."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from target_api.problems import EVERYWHERE, MEDIA_TYPE, answer_with_problems, responses


class Login(BaseModel):
    name: str
    pin: int


def app() -> FastAPI:
    made = FastAPI(responses=responses(*EVERYWHERE))
    answer_with_problems(made)

    @made.post("/logins", responses=responses(404))
    async def login(one: Login) -> dict[str, str]:
        raise HTTPException(404, "Nobody.", {"X-Why": "gone"})

    return made


async def ask(method: str, path: str, **how: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app()), base_url="http://app") as client:
        return await client.request(method, path, **how)


CASES = [
    ("POST", "/logins", {"json": {"name": "a", "pin": 1}}, 404, "Nobody."),
    ("GET", "/nothing", {}, 404, "Not Found"),
    ("PUT", "/logins", {}, 405, "Method Not Allowed"),
    ("POST", "/logins", {"json": {"name": "a", "pin": "hunter2"}}, 422, "The request is not valid."),
    ("POST", "/logins", {"content": b'{"name": "hunter2', "headers": {"Content-Type": "application/json"}}, 422, None),
    ("POST", "/logins", {"content": b'"\xffhunter2"', "headers": {"Content-Type": "application/json"}}, 400, None),
]


@pytest.mark.parametrize(("method", "path", "how", "status", "detail"), CASES)
def test_every_error_is_a_problem(method: str, path: str, how: dict[str, Any], status: int, detail: str | None) -> None:
    answer = asyncio.run(ask(method, path, **how))
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == MEDIA_TYPE
    told = answer.json()
    assert {"type", "title", "status", "detail", "request_id"} <= set(told)
    assert told["status"] == status
    assert detail is None or told["detail"] == detail
    assert "hunter2" not in answer.text


def test_headers_of_an_error_are_kept() -> None:
    assert asyncio.run(ask("POST", "/logins", json={"name": "a", "pin": 1})).headers["X-Why"] == "gone"
    assert asyncio.run(ask("PUT", "/logins")).headers["Allow"] == "POST"


def test_a_422_says_where_and_why() -> None:
    (fault,) = asyncio.run(ask("POST", "/logins", json={"name": "a", "pin": "x"})).json()["errors"]
    assert fault["at"] == "body.pin"
    assert "integer" in fault["why"]


def test_openapi_declares_the_problems() -> None:
    document = app().openapi()
    declared = document["paths"]["/logins"]["post"]["responses"]
    assert set(declared) == {"200", *map(str, EVERYWHERE), "404"}
    for status, response in declared.items():
        if status != "200":
            assert list(response["content"]) == [MEDIA_TYPE]
    reference = json.dumps(document)
    assert '"#/components/schemas/Problem"' in reference
    assert {"Problem", "Fault"} <= set(document["components"]["schemas"])
