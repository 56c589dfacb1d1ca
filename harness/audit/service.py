"""One running deployment that an experiment asks, watches and stops."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from harness.backends.process import ProcessDeployment
from harness.booting import until_up
from harness.deployment import Address
from harness.model.target import Target
from harness.parts.postgres import Database
from harness.parts.postgres_reserved import Reserved

ASK_S = 15.0


@dataclass(frozen=True, slots=True)
class Service:
    """`databases` and `reserved` by the user's name of a PostgreSQL part; `env` is the app's whole environment."""

    target: Target
    deployment: ProcessDeployment
    workers: int
    databases: Mapping[str, Database]
    reserved: Mapping[str, Reserved]
    env: Mapping[str, str]
    log: Path

    @property
    def address(self) -> Address:
        return self.deployment.address

    def pids(self) -> tuple[int, ...]:
        """All its living processes, the supervisor first."""
        master = self.deployment.master()
        return (*([master] if master > 0 else []), *self.deployment.leftovers())

    async def until_up(self, within_s: float = 30.0) -> str:
        """The reason why it is not up, or nothing."""
        return await until_up(self.deployment, self.target.live, self.target.ready, self.workers, within_s)

    def client(self, *, source: str = "127.0.0.1", timeout_s: float = ASK_S) -> httpx.AsyncClient:
        """A client on fresh connections, from any loopback address; no redirect is followed, nothing is retried."""
        transport = httpx.AsyncHTTPTransport(
            local_address=source, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False
        )
        return httpx.AsyncClient(base_url=self.address.url, transport=transport, timeout=timeout_s, trust_env=False)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | str | None = None,
        source: str = "127.0.0.1",
        timeout_s: float = ASK_S,
    ) -> httpx.Response | None:
        """One request; None when there was no answer."""
        async with self.client(source=source, timeout_s=timeout_s) as client:
            try:
                return await client.request(method, path, headers=headers, content=content)
            except httpx.HTTPError:
                return None

    def log_size(self) -> int:
        """A mark for `log_since`."""
        try:
            return self.log.stat().st_size
        except OSError:
            return 0

    def log_since(self, mark: int) -> str:
        """What the deployment has written after a mark. May hold secrets: keep only what is redacted."""
        try:
            return self.log.read_bytes()[mark:].decode("utf-8", "replace")
        except OSError:
            return ""
