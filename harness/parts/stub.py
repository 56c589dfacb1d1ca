"""An HTTP dependency of the app: our programmable stub, in a process of its own.

What it does wrong is programmed for each path: slower by so much, errors at a rate, no answer at all, another body than
was agreed, or one that comes in pieces.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from harness.deployment import Address
from harness.errors import MachineError, UsageError
from harness.model.target import HttpPart
from harness.system.ports import Ports
from harness.system.process import Process, Spawner, clean_env
from harness.system.sockets import listens

_SERVER = Path(__file__).with_name("stub_server.py")
_READY_S = 10.0
_ANSWER_S = 3.0
_PORT_TRIES = 5
BODIES = ("any", "truncated", "other-type", "html")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What goes wrong on `path` (a `*` at the end matches any rest), on top of the part's own route.

    `latency_ms` is added; a share `error_rate` of the requests, drawn with the programme's seed, gets `status`; with
    `hang` a request is read and never answered, even when the behaviour is lifted. `body` puts another body in place of
    the right one; with `trickle_ms` the body comes in pieces over that time. `share` is for all but errors.
    """

    path: str = "*"
    latency_ms: float = 0.0
    error_rate: float = 0.0
    status: int = 503
    hang: bool = False
    body: str = ""
    trickle_ms: float = 0.0
    share: float = 1.0

    def __post_init__(self) -> None:
        rates = (self.error_rate, self.share)
        if min(self.latency_ms, self.trickle_ms) < 0 or not all(0 <= rate <= 1 for rate in rates):
            raise UsageError(
                f"A behaviour on {self.path} needs latency_ms and trickle_ms of at least 0, error_rate and share"
                " from 0 to 1."
            )
        if not 200 <= self.status <= 599 or self.body not in ("", *BODIES):
            raise UsageError(
                f"A behaviour on {self.path} needs a status from 200 to 599, and a body of: {', '.join(BODIES)}."
            )


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests that came since the start; of them without an answer, with an error, another body, a body in pieces, and
    those that were made to wait.

    `peers` are the connections that are open.
    """

    total: int
    hung: int
    failed: int
    garbled: int = 0
    trickled: int = 0
    slowed: int = 0
    by_path: Mapping[str, int] = field(default_factory=dict)
    peers: tuple[int, ...] = ()


class Stub:
    """A stub that answers on its port."""

    def __init__(self, name: str, process: Process, port: int, orders: _Orders) -> None:
        self.name, self.process, self.address = name, process, Address("127.0.0.1", port)
        self._orders = orders

    @property
    def alive(self) -> bool:
        return self.process.alive

    def values(self, host: str, port: int) -> Mapping[str, str]:
        """What `{part.KEY}` of a target file stands for, with the address of the proxy."""
        return {"host": host, "port": str(port), "url": f"http://{host}:{port}"}

    async def program(self, behaviours: Sequence[Behaviour], *, by: str = "", seed: int = 0) -> None:
        """From now on these hold, the first that fits a path, on top of what others than `by` have programmed.

        Without behaviours: what `by` has programmed is over; without both, all is well again.
        """
        held = [asdict(behaviour) for behaviour in behaviours]
        await self._orders.ask("program", by=by, behaviours=held, seed=seed)

    async def counts(self) -> Counts:
        told = await self._orders.ask("counts")
        return Counts(
            total=told["total"],
            hung=told["hung"],
            failed=told["failed"],
            garbled=told["garbled"],
            trickled=told["trickled"],
            slowed=told["slowed"],
            by_path=told["by_path"],
            peers=tuple(told["peers"]),
        )

    async def recent(self) -> list[str]:
        """Heads of the last requests, at most 50, oldest first: the first line, then the headers. May hold secrets."""
        heads: list[str] = (await self._orders.ask("recent"))["heads"]
        return heads

    async def stop(self) -> None:
        self._orders.close()
        await self.process.end(grace_s=2.0)


class _Orders:
    """JSON lines to and from the stub; one order at a time, each bounded."""

    def __init__(self, name: str, process: Process) -> None:
        self._name, self._process = name, process
        self._answers = asyncio.StreamReader(limit=2**22)
        self._turn = asyncio.Lock()
        self._transport: asyncio.BaseTransport | None = None
        self._next = 1

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(self._answers), self._process.popen.stdout
        )

    async def read(self, timeout_s: float) -> dict[str, Any]:
        try:
            async with asyncio.timeout(timeout_s):
                line = await self._answers.readline()
        except TimeoutError:
            raise MachineError(f"The stub {self._name} did not answer within {timeout_s:g} s.") from None
        if not line:
            raise MachineError(f"The stub {self._name} has ended.")
        told = json.loads(line)
        if not isinstance(told, dict):
            raise MachineError(f"The stub {self._name} said something unknown.")
        return told

    async def ask(self, do: str, **order: Any) -> dict[str, Any]:
        async with self._turn:
            number, self._next = self._next, self._next + 1
            stdin = self._process.popen.stdin
            try:
                if stdin is None or stdin.closed:
                    raise BrokenPipeError
                stdin.write(json.dumps({"id": number, "do": do, **order}).encode() + b"\n")
                stdin.flush()
            except BrokenPipeError:
                raise MachineError(f"The stub {self._name} has ended.") from None
            while (told := await self.read(_ANSWER_S)).get("id") != number:
                pass  # the late answer to an order that was given up
            return told

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
        stdin = self._process.popen.stdin
        if stdin is not None and not stdin.closed:
            try:
                stdin.close()
            except BrokenPipeError:
                return


async def start_stub(part: HttpPart, spawner: Spawner, ports: Ports, folder: Path) -> Stub:
    """A stub with the part's routes; `folder` takes its log."""
    for _ in range(_PORT_TRIES):
        port = ports.take()
        stub = await _try_port(part, spawner, port, folder)
        if stub is not None:
            return stub
    raise MachineError(f"No port for the stub {part.name} stayed free; something takes them as soon as we choose.")


async def _try_port(part: HttpPart, spawner: Spawner, port: int, folder: Path) -> Stub | None:
    """None when somebody else has taken the port."""
    process = spawner.spawn(
        [sys.executable, "-I", str(_SERVER), str(port)],
        name=part.name,
        env=clean_env(),
        cwd=folder,
        log=folder / f"{part.name}.log",
        pipes=True,
    )
    orders = _Orders(part.name, process)
    stub = Stub(part.name, process, port, orders)
    try:
        await orders.open()
        told = await orders.read(_READY_S)
        if "error" in told:
            await stub.stop()
            return None
        if not listens(port, [process.pid]):
            raise MachineError(f"What listens on port {port} is not the stub {part.name} that we started.")
        await orders.ask("program", routes=[asdict(route) for route in part.routes])
    except BaseException:
        await stub.stop()
        raise
    return stub
