"""The table [auth]: how a client gets a token, and the secrets of a run that nobody has to invent.

`{secret.NAME}` in [target.env] and in the login's body is a random text, the same everywhere in one run and another in
the next: a key that signs tokens, or the password of a user that the setup makes, needs no place in any file.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from harness.model.request import RequestLine
from harness.model.target import AuthSpec, Target
from harness.target_load import read_body, read_expect, refusal
from harness.target_table import Table

_SECRET = re.compile(r"\{secret\.([A-Za-z_][A-Za-z0-9_]*)\}")
_BYTES = 32
_FORM = "application/x-www-form-urlencoded"


def read_auth(table: Table) -> AuthSpec:
    """A login: one request whose JSON answer holds the token."""
    method = table.text("method", "POST", lambda value: refusal(method=value.upper())).upper()
    path = table.text("path", None, lambda value: refusal(path=value)) or "/"
    headers, body = read_body(table)
    if table.has("form"):
        if body:
            table.wrong("form", "stands beside json or body; accepted: one of the three")
        form = table.table("form", secret=True)
        # Braces stay as they are, so that secrets in them are still found.
        body = urlencode({name: form.text(name, "") for name in form.raw}, safe="{}")
        headers = (*headers, ("Content-Type", _FORM))
    spec = AuthSpec(
        method=method,
        path=path,
        headers=headers,
        body=body,
        expect=read_expect(table),
        token=tuple(table.text("token", "access_token", _check_token).split(".")),
    )
    table.done()
    return spec


def _check_token(value: str) -> str | None:
    return None if all(value.split(".")) else "the key of the token in the JSON answer, with dots for inner objects"


def check_tokens(lines: tuple[RequestLine, ...], auth: AuthSpec | None, table: Table) -> None:
    """A line that sends a token needs a login."""
    for index, line in enumerate(lines):
        if line.uses_token and auth is None:
            says = "hold {token}; accepted: with a table [auth] that says how to log in"
            table.wrong(f"requests[{index}].headers", says)


def make_secrets(target: Target) -> dict[str, str]:
    """A random text for each secret that the target names: URL-safe base64 of 32 bytes."""
    texts = [
        *target.env.values(),
        target.auth.body if target.auth else "",
        target.audit.tokens.key if target.audit.tokens else "",
    ]
    names = sorted({name for text in texts for name in _SECRET.findall(text)})
    return {name: secrets.token_urlsafe(_BYTES) for name in names}


def fill_secrets(text: str, values: Mapping[str, str]) -> str:
    return _SECRET.sub(lambda found: values[found.group(1)], text)
