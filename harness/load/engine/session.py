"""The life of a driver process: prepare, start, stop, done. It ends by itself, and always with whole rows."""

import asyncio
import gc
import os
import traceback
from typing import Any

from harness.load.engine.run import Run
from harness.load.engine.self_test import SelfTestFailed, self_test
from harness.load.engine.wire import Wire
from harness.load.epochs import Epochs
from harness.load.messages import Ready
from harness.load.profile import Profile

_SUM_PERIOD_S = 0.5
_FAILED = 1
_BAD_COMMAND = 2


class Session:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._run: Run | None = None
        self._reporter: asyncio.Task[None] | None = None
        self._signal = 0

    async def run(self) -> int:
        while True:
            code = await self._obey(await self._wire.command())
            if code is not None:
                return code

    async def _obey(self, command: dict[str, Any]) -> int | None:
        """An exit code ends the session."""
        try:
            match command.get("cmd"):
                case "prepare":
                    return await self._prepare(Profile.from_dict(command["profile"]), str(command["rows_file"]))
                case "start":
                    return await self._start(command)
                case "epochs":
                    return self._share(command)
                case "lease":
                    return self._lease(int(command["until_ns"]))
                case "stop":
                    return self._stop("stop", float(command["drain_s"]))
                case "signal":
                    self._signal = int(command["number"])
                    return self._stop("signal", 0.0)
                case "eof":
                    return self._stop("parent died", 0.0)
                case "finished":
                    return self._finish()
                case other:
                    return await self._refuse(str(command.get("message", f"unknown command {other!r}")))
        except (KeyError, TypeError, ValueError) as error:
            return await self._refuse(f"{command.get('cmd')}: {error}")
        except OSError as error:
            return await self._refuse(str(error))

    async def _prepare(self, profile: Profile, rows_file: str) -> int | None:
        if self._run:
            return await self._refuse("prepare was given twice")
        try:
            await self_test()
        except SelfTestFailed as error:
            self._wire.emit("error", message=str(error))
            return _FAILED
        run = self._run = Run(profile, rows_file)
        gc.collect()
        gc.freeze()  # what is there now stays: later collections are short
        self._wire.emit("ready", **Ready(run.engine.arrivals, profile.connection_limit(), os.getpid(), "ok").to_dict())
        return None

    async def _start(self, command: dict[str, Any]) -> int | None:
        if not self._run or self._reporter:
            return await self._refuse("start comes once, after prepare")
        t0_ns = int(command["t0_ns"])
        if "epochs" in command:
            epochs = Epochs.from_list(command["epochs"])
            self._run.engine.share(str(command["member"]), epochs, int(command["lease_ns"]))
        self._run.engine.start(t0_ns, int(command.get("origin_ns") or t0_ns))
        self._reporter = asyncio.create_task(self._report(self._run))
        return None

    def _share(self, command: dict[str, Any]) -> int | None:
        if self._run:
            self._run.engine.take_epochs(Epochs.from_list(command["epochs"]))
        return None

    def _lease(self, until_ns: int) -> int | None:
        if self._run:
            self._run.engine.take_lease(until_ns)
        return None

    def _stop(self, reason: str, drain_s: float) -> int | None:
        if not self._run:
            return 128 + self._signal if self._signal else 0
        self._run.engine.stop(reason, drain_s)
        if self._reporter is None:
            self._reporter = asyncio.create_task(self._report(self._run))
        return None

    def _finish(self) -> int:
        assert self._run
        done, failure = self._run.end(), self._run.engine.failure
        if failure:
            traceback.print_exception(failure)
            self._wire.emit("error", message=f"{type(failure).__name__}: {failure}")
            return _FAILED
        self._wire.emit("sum", **self._run.engine.window().to_dict())
        self._wire.emit("done", **done.to_dict())
        return 128 + self._signal if self._signal else 0

    async def _report(self, run: Run) -> None:
        while not run.finished.is_set():
            try:
                async with asyncio.timeout(_SUM_PERIOD_S):
                    await run.finished.wait()
            except TimeoutError:
                self._wire.emit("sum", **run.engine.window().to_dict())
        self._wire.put({"cmd": "finished"})

    async def _refuse(self, message: str) -> int:
        self._wire.emit("error", message=message)
        if self._run:
            self._run.engine.stop("failure", 0.0)
            await asyncio.wait_for(self._run.finished.wait(), 5)
        return _BAD_COMMAND
