"""Knocks at protected requests: without a token, with the real one, and with those that must not be taken."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import time
from collections.abc import Mapping, Sequence

import asyncpg

from harness.audit import bad_tokens
from harness.audit.bench import Bench
from harness.audit.checks.authentication import CHECKS
from harness.audit.facts.authentication import Authentication, Group, Logged, RealToken, Stored, Tried
from harness.audit.lines import openapi
from harness.audit.password_scan import passwords_in, scan
from harness.audit.protected import find_protected
from harness.audit.row import Row
from harness.audit.service import Service
from harness.errors import TargetError
from harness.model.audit import RequestSpec
from harness.model.request import TOKEN
from harness.target_auth import fill_secrets

_BODY_CHARS = 300
_ABOUT = re.compile(r"\b40[13]\b|token|auth|unauthori[sz]ed|forbidden|jwt|credential", re.IGNORECASE)
_QUIET_S, _LOG_S = 0.2, 1.0


async def observe(bench: Bench) -> Authentication:
    service = await bench.service()
    token, failed = await _log_in(bench)
    source, requests = await _protected(bench, service)
    stored = await _look_for_password(bench, service) if token else Stored()
    real = bad_tokens.read_jwt(token)
    seen = Authentication(
        source=source,
        login=bench.target.auth is not None,
        login_failed=failed,
        token=_told(real) if token else None,
        key=bench.spec.tokens is not None,
        stored=stored,
    )
    return await _Knocker(bench, service, requests, token, real).knock(seen) if requests else seen


class _Knocker:
    def __init__(
        self, bench: Bench, service: Service, requests: Sequence[RequestSpec], token: str, real: bad_tokens.Jwt | None
    ) -> None:
        self._bench, self._service, self._requests = bench, service, requests
        self._token, self._real = token, real
        self._header = _header_of(bench)
        self._tried: list[Tried] = []

    async def knock(self, seen: Authentication) -> Authentication:
        mark, wrong = self._service.log_size(), ""
        garbage = self._bench.secrets.canary("garbage token")
        for request in self._requests:
            await self._try(request, "without", "none", "")
            await self._try(request, "without", "garbage", garbage)
        if self._token:
            for request in self._harmless():
                await self._try(request, "real", "real", self._token)
        if door := self._door():
            wrong = await self._with_bad_tokens(door)
        logged = await self._logged(mark)
        return dataclasses.replace(seen, tried=tuple(self._tried), key_wrong=wrong, logged=logged)

    async def _with_bad_tokens(self, door: RequestSpec) -> str:
        """What is wrong with the declared key, or nothing."""
        now_s = int(time.time())
        await self._try_all(door, "forged", self._forged(now_s))
        spec = self._bench.spec.tokens
        if spec is None:
            return ""
        text = fill_secrets(spec.key, self._bench.rig.secrets)
        self._bench.secrets.add("audit.tokens.key", text)
        try:
            key = bad_tokens.key_bytes(spec, text)
        except ValueError:
            return f"it is not {spec.key_encoding}"
        await self._try_all(door, "fresh", {"fresh": bad_tokens.fresh(self._real, spec, key, now_s)})
        await self._try_all(door, "misdated", bad_tokens.misdated(self._real, spec, key, now_s))
        for ago_s, token in bad_tokens.skewed(self._real, spec, key, int(time.time())).items():
            await self._try_all(door, "skewed", {f"expired {ago_s} s ago": token})
        return ""

    def _forged(self, now_s: int) -> dict[str, str]:
        """An opaque token can only be changed; beside that, an app may still take a JWT that somebody makes."""
        made = bad_tokens.forged(self._real, now_s)
        if self._token and self._real is None:
            last = "A" if self._token[-1] != "A" else "B"
            made = {"with another last letter": self._token[:-1] + last, **made}
        return made

    def _harmless(self) -> list[RequestSpec]:
        """Where the real token may be sent: what was declared, else what only reads, else what lacks its body."""
        if self._bench.spec.protected:
            return list(self._requests)
        reads = [each for each in self._requests if each.method in ("GET", "HEAD")]
        return reads or [each for each in self._requests if each.method != "DELETE"]

    def _door(self) -> RequestSpec | None:
        """A request that tells a token that is taken from one that is not: it refuses whoever has none."""
        shut = {
            each.request for each in self._tried if each.group == "without" and each.kind == "none" and each.refused
        }
        open_ = {each.request for each in self._tried if each.group == "real" and 200 <= each.status <= 299}
        doors = [request for request in self._harmless() if str(request) in shut]
        return next((door for door in doors if str(door) in open_), doors[0] if doors else None)

    async def _try_all(self, request: RequestSpec, group: Group, tokens: Mapping[str, str]) -> None:
        for kind, token in tokens.items():
            self._bench.secrets.add(f"token {kind}", token)
            await self._try(request, group, kind, token)

    async def _try(self, request: RequestSpec, group: Group, kind: str, token: str) -> None:
        tried = await self._ask(request, group, kind, token)
        if tried.unclear:
            tried = await self._ask(request, group, kind, token)
        self._tried.append(tried)

    async def _ask(self, request: RequestSpec, group: Group, kind: str, token: str) -> Tried:
        headers = {name: value.replace(TOKEN, token) for name, value in self._header.items()} if token else {}
        answer = await self._service.ask(request.method, request.path, headers=headers)
        if answer is None:
            return Tried(group, kind, str(request), -1)
        whole = "\n".join([*(f"{name}: {value}" for name, value in answer.headers.items()), answer.text])
        redact = self._bench.secrets.redact
        return Tried(
            group,
            kind,
            str(request),
            answer.status_code,
            redact(answer.headers.get("www-authenticate", "")),
            redact(answer.text)[:_BODY_CHARS] if answer.status_code >= 400 else "",
            self._bench.secrets.found_in(whole) if answer.status_code >= 400 else (),
        )

    async def _logged(self, mark: int) -> Logged:
        await _until_quiet(self._service)
        lines = self._service.log_since(mark).splitlines()
        leaking = [line for line in lines if self._bench.secrets.found_in(line)]
        return Logged(
            lines=len(lines),
            about=sum(_ABOUT.search(line) is not None for line in lines),
            leaks=self._bench.secrets.found_in("\n".join(leaking)),
            leaking_line=self._bench.secrets.redact(leaking[0])[:_BODY_CHARS] if leaking else "",
        )


async def _log_in(bench: Bench) -> tuple[str, str]:
    try:
        return await bench.token(), ""
    except TargetError as error:
        return "", bench.secrets.redact(str(error))


async def _protected(bench: Bench, service: Service) -> tuple[str, Sequence[RequestSpec]]:
    if bench.spec.protected:
        return "declared", bench.spec.protected
    found = find_protected(await openapi(service))
    return ("openapi" if found else ""), found


def _header_of(bench: Bench) -> Mapping[str, str]:
    """How a token is sent: as the request lines do it, else as a bearer token."""
    for line in bench.target.load.requests:
        if sent := {name: value for name, value in line.headers if TOKEN in value}:
            return sent
    return {"Authorization": f"Bearer {TOKEN}"}


def _told(real: bad_tokens.Jwt | None) -> RealToken:
    if real is None:
        return RealToken(jwt=False)
    expiry, issued = real.claims.get("exp"), real.claims.get("iat", time.time())
    numbers = isinstance(expiry, int | float) and isinstance(issued, int | float)
    return RealToken(
        jwt=True,
        algorithm=str(real.header.get("alg")),
        expires="exp" in real.claims,
        lifetime_s=float(expiry - issued) if numbers else None,
    )


async def _look_for_password(bench: Bench, service: Service) -> Stored:
    auth = bench.target.auth
    passwords = passwords_in(fill_secrets(auth.body, bench.rig.secrets)) if auth else ()
    if not passwords:
        return Stored()
    total = Stored()
    for part, database in service.databases.items():
        async with bench.superuser(part, database) as connection:
            for password in passwords:
                try:
                    one = await scan(connection, password)
                except (TimeoutError, asyncpg.PostgresError):
                    continue
                found = (*total.found, *one.found)
                total = Stored(True, total.columns + one.columns, total.values + one.values, found)
    return total


async def _until_quiet(service: Service) -> None:
    """A line about a request may come after its answer."""
    end, size, since = time.monotonic() + _LOG_S, -1, time.monotonic()
    while time.monotonic() < end:
        if (now := service.log_size()) != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since >= _QUIET_S:
            return
        await asyncio.sleep(0.02)


ROW = Row(
    "authentication",
    "Does only a valid token get in?",
    Authentication,
    observe,
    CHECKS,
)
