"""The life of a driver process: prepare, start, stop, done. It ends by itself, and always with whole rows."""

import gc
import os
import traceback
from collections.abc import Callable
from typing import Any, Protocol

import gevent

from harness.load.flows.resetting_server import SelfTestFailed
from harness.load.gevent_wire import Wire
from harness.load.messages import Done, LoadSum, Ready

_SUM_PERIOD_S = 0.5
_FAILED = 1
_BAD_COMMAND = 2


class BadFile(Exception):
    """What the user wrote cannot be loaded: told as theirs, not as a defect of the driver."""


class Engine(Protocol):
    failure: Exception | None

    @property
    def arrivals(self) -> int: ...
    def start(self, t0_ns: int, origin_ns: int) -> None: ...
    def stop(self, reason: str, drain_s: float) -> None: ...
    def window(self) -> LoadSum: ...


class Run(Protocol):
    finished: Any
    connections: int

    @property
    def engine(self) -> Engine: ...
    def begin(self) -> None: ...
    def end(self) -> Done: ...


class Session:
    """`make` makes the run that a prepare command asks for."""

    def __init__(self, wire: Wire, make: Callable[[dict[str, Any]], Run], self_test: Callable[[], None]) -> None:
        self._wire, self._make, self._self_test = wire, make, self_test
        self._run: Run | None = None
        self._started = False
        self._signal = 0

    def run(self) -> int:
        self._wire.open()
        for command in self._wire.commands():
            code = self._obey(command)
            if code is not None:
                return code
        return 0

    def _obey(self, command: dict[str, Any]) -> int | None:
        """An exit code ends the session."""
        try:
            match command.get("cmd"):
                case "prepare":
                    return self._prepare(command)
                case "start":
                    return self._start(int(command["t0_ns"]), int(command.get("origin_ns") or command["t0_ns"]))
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
                    return self._refuse(str(command.get("message", f"unknown command {other!r}")))
        except BadFile as error:
            self._wire.emit("error", kind="usage", message=str(error))
            return _BAD_COMMAND
        except (KeyError, TypeError, ValueError) as error:
            return self._refuse(f"{command.get('cmd')}: {error}")
        except OSError as error:
            return self._refuse(str(error))

    def _prepare(self, command: dict[str, Any]) -> int | None:
        if self._run:
            return self._refuse("prepare was given twice")
        try:
            self._self_test()
        except SelfTestFailed as error:
            self._wire.emit("error", message=str(error))
            return _FAILED
        run = self._run = self._make(command)
        run.begin()
        run.finished.rawlink(lambda _: self._wire.put({"cmd": "finished"}))
        gc.collect()
        gc.freeze()  # what is there now stays: later collections are short
        ready = Ready(run.engine.arrivals, run.connections, os.getpid(), "ok")
        self._wire.emit("ready", **ready.to_dict())
        return None

    def _start(self, t0_ns: int, origin_ns: int) -> int | None:
        if not self._run or self._started:
            return self._refuse("start comes once, after prepare")
        self._started = True
        self._run.engine.start(t0_ns, origin_ns)
        gevent.spawn(self._report)
        return None

    def _stop(self, reason: str, drain_s: float) -> int | None:
        if not self._run:
            return 128 + self._signal if self._signal else 0
        self._run.engine.stop(reason, drain_s)
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

    def _report(self) -> None:
        assert self._run
        while not self._run.finished.wait(_SUM_PERIOD_S):
            self._wire.emit("sum", **self._run.engine.window().to_dict())

    def _refuse(self, message: str) -> int:
        self._wire.emit("error", message=message)
        if self._run:
            self._run.engine.stop("failure", 0.0)
            self._run.finished.wait(5)
        return _BAD_COMMAND
