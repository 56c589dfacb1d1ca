"""No secret reaches a line: by its form, by the name before it, and inside a traceback too."""

import json
import logging
import time

import pytest

from target_api.logs import JsonFormatter
from target_api.redaction import redact

SECRET = "hunter2.x-Y_z"
LEAKS = [
    "Authorization: Bearer {}",
    "authorization: {}",
    "{{'authorization': 'Basic {}', 'host': 'a'}}",
    "[(b'host', b'a'), (b'authorization', b'{}'), (b'accept', b'*/*')]",
    "Cookie: session=1; id={}",
    "{{'cookie': 'a=b; id={}'}}",
    "Set-Cookie: id={}; HttpOnly",
    "refused: bearer {}",
    "GET /reset?user=1&token={}&x=2",
    "/a?API_KEY={}",
    "/a?api-key={} was called",
    "client_secret={}",
    "password='{}' is wrong",
    '{{"password": "{}", "name": "a"}}',
    '{{\\"password\\": \\"{}\\"}}',
    "{{'new_password': '{}'}}",
    "TOKEN_KEYS=k1:{}",
    "connect to postgresql://app:{}@db/app failed",
    "connect to postgresql://app:p@{}@db/app failed",
    "https://{}@errors.example/1",
    "X-Api-Key: {}",
    "secret: {}",
    "PGPASSWORD={}",
]
CLEAN = [
    "GET /items 200",
    "KeyError: 'name'",
    "Database unavailable: connect failed with TimeoutError.",
    "Key (name)=(anchor) already exists.",
    "https://app.example:8080/a@b",
    "took 3 tokens",
    "A basic thing",
]


@pytest.mark.parametrize("leak", LEAKS)
def test_a_secret_is_taken_out(leak: str) -> None:
    text = redact(leak.format(SECRET))
    assert "hunter2" not in text
    assert "x-Y_z" not in text


@pytest.mark.parametrize("text", CLEAN)
def test_the_rest_is_left_alone(text: str) -> None:
    assert redact(text) == text


def test_what_stands_around_a_secret_stays() -> None:
    assert redact("GET /reset?user=1&token=abc&x=2 HTTP/1.1") == "GET /reset?user=1&token=[redacted]&x=2 HTTP/1.1"
    assert redact("to postgresql://app:abc@db:5432/app") == "to postgresql://[redacted]@db:5432/app"


def test_a_token_is_known_by_its_form() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
    assert redact(f"got {token}!") == "got [redacted]!"


def test_a_line_hides_secrets_in_its_message_its_fields_and_its_traceback() -> None:
    try:
        raise ValueError(f"cannot use postgresql://app:{SECRET}@db/app")
    except ValueError as error:
        record = logging.LogRecord("a", 40, __file__, 1, "token=%s", (SECRET,), (type(error), error, None))
    record.fields = {"path": f"/a?key={SECRET}", "status": 500}
    text = JsonFormatter().format(record)
    assert SECRET not in text
    line = json.loads(text)
    assert (line["path"], line["status"]) == ("/a?key=[redacted]", 500)
    assert "ValueError: cannot use postgresql://[redacted]@db/app" in line["exception"]


HOSTILE = ["key" * 30_000, "://" + "@" * 30_000, "a" * 90_000 + "token", "_-" * 40_000 + "key", "cookie:'" * 9_000]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("end", ["", " ", "=", "='"])
def test_a_hostile_text_costs_no_more_than_its_length(text: str, end: str) -> None:
    began_s = time.process_time()
    redact(text + end)
    assert time.process_time() - began_s < 1
