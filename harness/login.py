"""One login before the load: the token that the request lines send."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from harness.deployment import Address
from harness.errors import TargetError
from harness.model.target import AuthSpec
from harness.target_auth import fill_secrets

TIMEOUT_S = 15.0  # password hashes are slow by design, and a first request may have to connect


async def log_in(auth: AuthSpec, where: Address, secrets: Mapping[str, str]) -> str:
    """The token. TargetError when none is given; what was sent is not told."""
    asked = f"The login of [auth], {auth.method} {auth.path},"
    headers = {name: fill_secrets(value, secrets) for name, value in auth.headers}
    try:
        async with httpx.AsyncClient(base_url=where.url, timeout=TIMEOUT_S, trust_env=False) as client:
            answer = await client.request(
                auth.method, auth.path, headers=headers, content=fill_secrets(auth.body, secrets)
            )
    except httpx.HTTPError as error:
        raise TargetError(f"{asked} had no answer: {type(error).__name__}.") from None
    if answer.status_code not in auth.expect:
        accepted = ", ".join(map(str, auth.expect))
        raise TargetError(f"{asked} was answered {answer.status_code}; auth.expect accepts {accepted}.")
    found = _find(answer, auth.token)
    if found is None:
        raise TargetError(f"{asked} gave no token: its JSON answer has no text at auth.token, {'.'.join(auth.token)}.")
    return found


def _find(answer: httpx.Response, keys: tuple[str, ...]) -> str | None:
    try:
        value = answer.json()
    except ValueError:
        return None
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value and value.isascii() and value.isprintable() else None
