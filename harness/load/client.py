"""The harness's side of a load driver: starts it as a child, gives it commands, hears what it says.

A driver that dies is an error that says so, with the last lines of its standard error; it is never waited for without
a deadline. A different driver (see messages.py) is a different command line.
"""

import asyncio
import collections
import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from harness.errors import HarnessError, MachineError, UsageError
from harness.load.messages import Done, LoadSum, Note, Ready
from harness.load.profile import Profile
from harness.model.target import FlowSpec

ENGINE_DRIVER = (sys.executable, "-P", "-m", "harness.load.engine")
MASTER_DRIVER = (sys.executable, "-P", "-m", "harness.load.cluster.master")
FLOW_DRIVER = (sys.executable, "-P", "-m", "harness.load.flows")

_PREPARE_S = 60.0
_MARGIN_S = 10.0
_SILENCE_S = 15.0  # it speaks twice a second
_LAST_LINES = 15
_ROOT = Path(__file__).parents[2]


class LoadDied(MachineError):
    """The load driver ended, or said nothing, when it had something to do."""


class Child(Protocol):
    """What is needed of a started process; asyncio's own has it. Without a stderr, errors come without its lines."""

    @property
    def pid(self) -> int: ...
    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...
    @property
    def stdout(self) -> asyncio.StreamReader | None: ...
    @property
    def stderr(self) -> asyncio.StreamReader | None: ...
    async def wait(self) -> int: ...
    def kill(self) -> None: ...


Spawn = Callable[[Sequence[str]], Awaitable[Child]]


def driver_environment() -> dict[str, str]:
    """Ours, and where to find this package: the driver is run from any folder."""
    return {**os.environ, "PYTHONPATH": str(_ROOT)}


async def spawn_child(argv: Sequence[str]) -> Child:
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *argv, stdin=pipe, stdout=pipe, stderr=pipe, env=driver_environment(), start_new_session=True
    )


def _pass_over(_note: Note) -> None:
    """Nobody asked for notes."""


class LoadDriver:
    """One load: launch, prepare, start, sums as they come, then stop or wait for the end.

    async with await LoadDriver.launch() as driver:
        await driver.prepare(profile, rows_file)
        await driver.start(t0_ns)
        async for total in driver.sums(): ...
        done = await driver.wait_done(timeout_s)
    """

    def __init__(self, child: Child) -> None:
        self._child = child
        self._sums: asyncio.Queue[LoadSum | None] = asyncio.Queue()
        self._last_lines: collections.deque[str] = collections.deque(maxlen=_LAST_LINES)
        self._got_ready, self._ended = asyncio.Event(), asyncio.Event()
        self._ready: Ready | None = None
        self._done: Done | None = None
        self._error = ""
        self.on_note: Callable[[Note], None] = _pass_over
        self._is_users = False
        self.lines: list[tuple[str, str]] = []
        """Method and name of each request line of a flow, by its number in the rows; they come with the rows."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._keep_last_lines())]

    @classmethod
    async def launch(cls, spawn: Spawn = spawn_child, argv: Sequence[str] = MASTER_DRIVER) -> "LoadDriver":
        return cls(await spawn(argv))

    @property
    def pid(self) -> int:
        return self._child.pid

    async def prepare(
        self, profile: Profile, rows_file: Path | str, timeout_s: float = _PREPARE_S, flow: FlowSpec | None = None
    ) -> Ready:
        """A flow is for the driver of flows only, which needs one."""
        more = {} if flow is None else {"flow": dataclasses.asdict(flow)}
        await self._send(cmd="prepare", profile=profile.to_dict(), rows_file=str(rows_file), **more)
        await self._wait(self._got_ready, timeout_s, "get ready")
        if self._ready is None:
            raise self._died()
        return self._ready

    async def start(self, t0_ns: int, origin_ns: int | None = None) -> None:
        """Both are moments of time.monotonic_ns. Rows and sums count from the origin, if given, else from t0."""
        await self._send(cmd="start", t0_ns=t0_ns, origin_ns=origin_ns)

    async def sums(self) -> AsyncIterator[LoadSum]:
        """From the start until the load is done. A driver that died, or fell silent, is raised here too."""
        while (total := await self._next_sum()) is not None:
            yield total
        if self._done is None:
            raise self._died()

    async def stop(self, drain_s: float) -> Done:
        """Sends nothing new, lets what is open end for `drain_s` at most. The load may have ended already."""
        if not self._ended.is_set():
            await self._send(cmd="stop", drain_s=drain_s)
        return await self.wait_done(drain_s + _MARGIN_S)

    async def wait_done(self, timeout_s: float) -> Done:
        await self._wait(self._ended, timeout_s, "end")
        if self._done is None:
            raise self._died()
        return self._done

    async def kill(self) -> None:
        """Ends the process at once. The rows until then are on disk, but for the last tenth of a second."""
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()
        await self._child.wait()

    async def close(self) -> None:
        if self._done is None:
            await self.kill()
        async with asyncio.timeout(_MARGIN_S):
            await asyncio.gather(*self._tasks)
            await self._child.wait()
        if self._child.stdin:
            self._child.stdin.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _send(self, **command: Any) -> None:
        assert self._child.stdin
        try:
            self._child.stdin.write(json.dumps(command).encode() + b"\n")
            await self._child.stdin.drain()
        except (ConnectionError, RuntimeError) as error:
            await self._wait(self._ended, _MARGIN_S, "end")
            raise self._died() from error

    async def _wait(self, event: asyncio.Event, timeout_s: float, what: str) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError as error:
            self._error = self._error or f"it did not {what} within {timeout_s:g} s"
            await self.kill()
            raise self._died() from error

    async def _next_sum(self) -> LoadSum | None:
        try:
            async with asyncio.timeout(_SILENCE_S):
                return await self._sums.get()
        except TimeoutError as error:
            self._error = self._error or f"it said nothing for {_SILENCE_S:g} s"
            await self.kill()
            raise self._died() from error

    def _died(self) -> HarnessError:
        if self._is_users:
            return UsageError(f"The locustfile cannot be run: {self._error}.")
        lines = "".join(f"\n    {line}" for line in self._last_lines)
        what = self._error or "its process ended"
        return LoadDied(f"The load driver (pid {self.pid}) could not do its work: {what}.{lines}")

    async def _listen(self) -> None:
        assert self._child.stdout
        try:
            while line := await self._child.stdout.readline():
                self._hear(json.loads(line))
        except ValueError as error:
            self._error = f"it said something that is not of the protocol: {error}"
            self._child.kill()
        finally:
            await self._notice_end()

    def _hear(self, message: dict[str, Any]) -> None:
        match message.get("ev"):
            case "ready":
                self._ready = Ready.from_dict(message)
                self._got_ready.set()
            case "sum":
                self._sums.put_nowait(LoadSum.from_dict(message))
            case "note":
                self.on_note(Note.from_dict(message))
            case "done":
                self._done = Done.from_dict(message)
            case "lines":
                self.lines += [(str(method), str(name)) for method, name in message["lines"]]
            case "error":
                self._is_users = message.get("kind") == "usage"
                self._error = str(message.get("message"))

    async def _notice_end(self) -> None:
        if self._done is None:
            code = await self._child.wait()
            self._error = self._error or (f"signal {-code} ended it" if code < 0 else f"it ended with exit code {code}")
        self._got_ready.set()
        self._ended.set()
        self._sums.put_nowait(None)

    async def _keep_last_lines(self) -> None:
        while self._child.stderr and (line := await self._child.stderr.readline()):
            self._last_lines.append(line.decode(errors="replace").rstrip())
