"""The worker's part: between the master and the engine, with the rows on their way home and Locust's statistics.

    master ──prepare, start, epochs, lease, stop──▶ │ ──the same, a line each──▶ engine
           ◀── ready, sum, chunk, done, died ────── │ ◀── ready, sum, done, error ──  + its spool

One load, then it ends. The engine ends before it, whatever happened.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import time
from typing import Any, cast

import gevent
import gevent.os
import gevent.queue
from locust.env import Environment
from locust.runners import WorkerRunner

from harness.load.cluster.children import Child
from harness.load.cluster.clocks import clock_name
from harness.load.cluster.locust_token import EngineToken
from harness.load.cluster.locust_view import LocustView
from harness.load.cluster.spool import Spool
from harness.load.cluster.talk import FROM_MASTER, kind_of, on_wire, our_version
from harness.load.profile import Profile
from harness.model.rows import Rows

_TICK_S = 0.1
_CONNECT_S = 20.0
_SILENCE_S = 6.0
_LAST_ROWS_S = 4.0
_OTHER_VERSION, _NO_PLACE = 64, 75
_LOST_MASTER = 3

_now = time.monotonic_ns


class Relay:
    def __init__(self, engine: Child) -> None:
        self._engine = engine
        self._queue: Any = gevent.queue.Queue()
        self._environment = Environment(user_classes=[EngineToken])
        self._spool = Spool(self._ship, self._see)
        self._view: LocustView | None = None
        self._done: dict[str, Any] = {}
        self._why = ""
        self._heard_ns = 0
        self._over_ns = 0
        self._told = False
        self._runner: WorkerRunner

    def run(self, host: str, port: int) -> int:
        try:
            with gevent.Timeout(_CONNECT_S):  # Locust itself would try for five minutes
                runner = self._runner = self._environment.create_worker_runner(host, port)
        except gevent.Timeout:
            sys.stderr.write(f"No master answered at {host}:{port} within {_CONNECT_S:g} s.\n")
            self._end_engine()
            return _NO_PLACE
        self._environment.events.heartbeat_received.add_listener(self._hear_heartbeat)  # type: ignore[no-untyped-call]
        for kind in FROM_MASTER:
            runner.register_message(on_wire(kind), self._hear)
        self._heard_ns = _now()
        self._say("hello", version=our_version(), pid=os.getpid(), host=socket.gethostname(), clock=clock_name())
        gevent.spawn(self._follow)
        gevent.spawn(self._tick_on)
        try:
            while True:
                kind, fields = self._queue.get()
                code = self._obey(kind, fields)
                if code is not None:
                    return code
        finally:
            self._end_engine()

    def _obey(self, kind: str, fields: dict[str, Any]) -> int | None:
        match kind:
            case "refused":
                sys.stderr.write(f"The master does not take this worker: {fields['why']}.\n")
                return _OTHER_VERSION if fields["for_good"] else _NO_PLACE
            case "prepare":
                self._view = LocustView(self._environment.stats, Profile.from_dict(fields["profile"]))
                self._command("prepare", profile=fields["profile"], rows_file=self._spool.path)
            case "start" | "epochs" | "lease" | "stop":
                self._command(kind, **fields)
            case "ack":
                self._spool.acknowledge(int(fields["number"]))
            case "engine":
                self._hear_engine(fields)
            case "engine-ended":
                self._over_ns = _now()
        return self._look()

    def _look(self) -> int | None:
        """Send on what there is; an exit code when all is told, or nobody listens any more."""
        self._spool.send_on()
        if self._over_ns and not self._told and (self._spool.is_home or _now() - self._over_ns > _LAST_ROWS_S * 1e9):
            self._tell_end()
        if self._runner_is_gone():
            return 0
        if _now() - self._heard_ns > _SILENCE_S * 1e9:
            sys.stderr.write(f"Nothing was heard of the master for {_SILENCE_S:g} s; this worker ends.\n")
            return _LOST_MASTER
        return None

    def _hear_engine(self, said: dict[str, Any]) -> None:
        match said.pop("ev", None):
            case "ready":
                self._say("ready", **said)
            case "sum":
                self._say("sum", **said)
            case "done":
                self._done = said
            case "error":
                self._why = str(said["message"])

    def _tell_end(self) -> None:
        """Rows first, then Locust's last figures, then the end: the master takes them in this order."""
        self._told = True
        figures: dict[str, Any] = {}
        self._environment.events.report_to_master.fire(client_id=self._runner.client_id, data=figures)  # type: ignore[no-untyped-call]
        self._runner.send_message("stats", figures)
        if self._done:
            self._say("done", reason=self._done["reason"], total=self._done, **self._spool.end())
        else:
            code = self._engine.wait()
            self._say("died", why=self._why or f"its engine ended with exit code {code}")

    # ── the master

    def _hear(self, environment: Environment, msg: Any, **_: Any) -> None:
        self._heard_ns = _now()
        kind = kind_of(msg.type)
        if kind == "ping":
            self._say("pong", asked_ns=msg.data["asked_ns"], theirs_ns=self._heard_ns)
        else:
            self._queue.put((kind, msg.data))

    def _hear_heartbeat(self, **_: Any) -> None:
        self._heard_ns = _now()

    def _say(self, kind: str, **fields: Any) -> None:
        self._runner.send_message(on_wire(kind), fields)

    def _ship(self, number: int, rows: bytes) -> None:
        self._say("chunk", number=number, rows=rows)

    def _see(self, rows: Rows) -> None:
        if self._view is not None:
            self._view.add(rows)

    def _runner_is_gone(self) -> bool:
        """The master said quit, and Locust's side has ended."""
        return not len(self._runner.greenlet)

    # ── the engine

    def _command(self, command: str, **fields: Any) -> None:
        assert self._engine.stdin
        try:
            self._engine.stdin.write(json.dumps({"cmd": command, **fields}).encode() + b"\n")
            self._engine.stdin.flush()
        except OSError:
            return  # it has ended, which is heard from its output

    def _follow(self) -> None:
        assert self._engine.stdout
        descriptor, rest = self._engine.stdout.fileno(), b""
        os.set_blocking(descriptor, False)
        while data := gevent.os.nb_read(descriptor, 1 << 20):
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._queue.put(("engine", cast(dict[str, Any], json.loads(line))))
        self._queue.put(("engine-ended", {}))

    def _end_engine(self) -> None:
        """It stops at the end of its input; one that hangs is killed."""
        assert self._engine.stdin
        with contextlib.suppress(OSError):
            self._engine.stdin.close()
        until = _now() + 1_000_000_000
        while self._engine.poll() is None and _now() < until:
            gevent.sleep(0.01)
        if self._engine.poll() is None:
            self._engine.kill()
            self._engine.wait()

    def _tick_on(self) -> None:
        while True:
            gevent.sleep(_TICK_S)
            self._queue.put(("tick", {}))
