"""The disk of the database is full: whatever needs another page of a table or an index fails (53100), reads go on.

The database of such a trial lies on a small disk of its own, a tmpfs that root mounts; the log of the server does not,
so the server stays up. A write that still fits into the last page of its tables succeeds: the more rows a page holds,
the later the first one fails.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import UsageError
from harness.faults.app_session import FAILURES, log_in, sqlstate
from harness.faults.fault import Actor, Evidence, FaultSpec, Held, Proof, Stage
from harness.model.scenario import FaultUse
from harness.parts.postgres_disk import SmallDisk
from harness.system.mounts import why_not_mount

_FULL = "53100"
_CANARY = "CREATE TEMPORARY TABLE shakedown_canary AS SELECT repeat(md5(n::text), 60) FROM generate_series(1, 40) n"


@dataclass(slots=True)
class FullDisk:
    held: Held
    disk: SmallDisk
    filled: bool = False
    said_before: int = 0

    async def apply(self) -> Evidence:
        self.said_before = self._said()
        self.filled = True
        return {"taken_bytes": self.disk.fill(), "left_bytes": self.disk.left_bytes}

    async def prove(self) -> Proof:
        """Nothing is left on it by the kernel's count, and a table of a canary's own, with the app's role, fails."""
        left, said = self.disk.left_bytes, await self._canary()
        why = f"{left} bytes are left on the disk, and a write of ours was “{said}”."
        return Proof(left == 0 and said == _FULL, why, {"left_bytes": left, "canary": said})

    async def _canary(self) -> str:
        try:
            session = await log_in(self.held)
        except FAILURES as error:
            return sqlstate(error)
        try:
            await session.execute(_CANARY)
        except FAILURES as error:
            return sqlstate(error)
        finally:
            session.terminate()
        return "done"

    def _said(self) -> int:
        """How often the server has said that the disk is full, in its log."""
        cluster = self.held.server.cluster
        return 0 if cluster is None else cluster.log.read_text("utf-8", "replace").count("No space left on device")

    async def lift(self) -> Evidence:
        self.disk.free()
        return {"server_said_full": self._said() - self.said_before} if self.filled else {}


def _build(use: FaultUse, stage: Stage) -> Actor:
    held = stage.postgres[use.what]
    if held.disk is None:
        raise UsageError(f"{use.id} needs a database on a small disk of its own.")
    return FullDisk(held, held.disk)


FAULT = FaultSpec(
    name="full-disk",
    on="postgres",
    does="the disk that the database's tables lie on is full; the server's own log has room",
    build=_build,
    owns="disk",
    unable=why_not_mount,
)
