"""The life of the master: prepare, start, stop, done, as any driver (see messages.py). One queue, one consumer."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from typing import Any

import gevent
import gevent.event

from harness.load.cluster.children import Child
from harness.load.cluster.fleet import Fleet
from harness.load.cluster.harvest import Harvest
from harness.load.cluster.locust_master import MasterSide
from harness.load.cluster.member import add_up
from harness.load.gevent_wire import Wire
from harness.load.messages import Done, LoadSum, Note, Ready
from harness.load.profile import Profile

_TICK_S = 0.2
_WORKERS_S = 45.0
_SUM_NS = 700_000_000  # a sum goes out when every worker has sent one, or after this
_END_S = 5.0
_FAILED = 1
_BAD_COMMAND = 2

_now = time.monotonic_ns


class Session:
    """`children` are the workers of this machine, as processes."""

    def __init__(self, wire: Wire, locust: MasterSide, children: Sequence[Child]) -> None:
        self._wire, self._locust, self._children = wire, locust, list(children)
        self._fleet = Fleet(locust.send, self._tell)
        self._profile: Profile | None = None
        self._harvest: Harvest | None = None
        self._is_ready = False
        self._prepared_at = self._summed_at = 0
        self._t0 = self._origin = 0
        self._reason = "schedule"
        self._signal = 0
        self._failed = False
        self._finished: Any = gevent.event.Event()

    def run(self) -> int:
        self._wire.open()
        self._locust.listen(self.heard)
        gevent.spawn(self._tick_on)
        try:
            for command in self._wire.commands():
                code = self._obey(command)
                if code is not None:
                    return code
            return 0
        finally:
            self._end_all()

    def heard(self, who: str, kind: str, said: dict[str, Any], now_ns: int) -> None:
        self._wire.put({"cmd": "heard", "who": who, "kind": kind, "said": said, "now_ns": now_ns})

    def _obey(self, command: dict[str, Any]) -> int | None:
        """An exit code ends the session."""
        try:
            match command.get("cmd"):
                case "heard":
                    return self._hear(command)
                case "tick":
                    return self._tick()
                case "prepare":
                    return self._prepare(Profile.from_dict(command["profile"]), str(command["rows_file"]))
                case "start":
                    return self._start(int(command["t0_ns"]), int(command.get("origin_ns") or command["t0_ns"]))
                case "stop":
                    return self._stop("stop", float(command["drain_s"]))
                case "signal":
                    self._signal = int(command["number"])
                    return self._stop("signal", 0.0)
                case "eof":
                    return self._stop("parent died", 0.0)
                case other:
                    return self._refuse(str(command.get("message", f"unknown command {other!r}")))
        except (KeyError, TypeError, ValueError) as error:
            return self._refuse(f"{command.get('cmd')}: {error}")
        except OSError as error:
            return self._fail(str(error))

    # ── commands

    def _prepare(self, profile: Profile, rows_file: str) -> int | None:
        if self._profile:
            return self._refuse("prepare was given twice")
        self._harvest = Harvest(profile, rows_file)
        self._profile, self._prepared_at = profile, _now()
        self._fleet.prepare(profile, self._harvest)
        return None

    def _start(self, t0_ns: int, origin_ns: int) -> int | None:
        if not self._is_ready or self._fleet.running:
            return self._refuse("start comes once, after prepare")
        self._t0, self._origin, self._summed_at = t0_ns, origin_ns, _now()
        self._fleet.start(t0_ns, origin_ns, _now())
        return None

    def _stop(self, reason: str, drain_s: float) -> int | None:
        if not self._harvest:
            return self._code(0)
        if self._reason == "schedule":
            self._reason = reason
        if not self._fleet.running:
            self._t0 = self._origin = _now()
        self._fleet.stop(drain_s, _now())
        return self._tick()

    # ── what happens meanwhile

    def _hear(self, command: dict[str, Any]) -> int | None:
        self._fleet.hear(command["who"], command["kind"], command["said"], command["now_ns"])
        return self._look()

    def _tick(self) -> int | None:
        for child in [child for child in self._children if child.poll() is not None]:
            self._children.remove(child)
            for member in self._fleet.members:
                if member.is_local and member.pid == child.pid:
                    self._fleet.lose(member, _how_it_ended(child.returncode), _now())
            if not self._is_ready and not any(member.pid == child.pid for member in self._fleet.members):
                return self._fail(f"a load worker did not start: {_how_it_ended(child.returncode)}")
        self._fleet.tick(_now())
        if self._profile and not self._is_ready and _now() - self._prepared_at > _WORKERS_S * 1e9:
            return self._fail(f"its workers did not get ready within {_WORKERS_S:g} s")
        return self._look()

    def _look(self) -> int | None:
        """Whether something has changed of which the harness is to hear."""
        if self._fleet.failure:
            return self._fail(self._fleet.failure)
        if self._fleet.over:
            return self._finish()
        if self._profile and not self._is_ready and self._all_ready():
            self._get_ready()
        if self._is_ready and self._fleet.running and self._is_time_for_a_sum():
            self._wire.emit("sum", **self._sum().to_dict())
        return None

    def _all_ready(self) -> bool:
        pids = {member.pid for member in self._fleet.ready if member.is_local}
        return all(child.pid in pids for child in self._children) and bool(self._fleet.ready)

    def _get_ready(self) -> None:
        assert self._profile
        assert self._harvest
        self._is_ready = True
        self._locust.begin(self._profile, len(self._fleet.ready))
        limit = self._profile.connection_limit()
        ready = Ready(len(self._harvest), limit, os.getpid(), "ok", len(self._fleet.ready), self._clock_error())
        self._wire.emit("ready", **ready.to_dict())

    def _is_time_for_a_sum(self) -> bool:
        sending = self._fleet.sending
        return all(member.fresh_total for member in sending) or _now() - self._summed_at > _SUM_NS

    def _sum(self) -> LoadSum:
        """Counts are the engines' own, of one moment each; quantiles are of the rows that have come since."""
        assert self._harvest
        members = self._fleet.members
        self._summed_at = _now()
        for member in members:
            member.fresh_total = False
            self._harvest.meter.note_hub_lag(int(member.total.get("hub_lag_max_ns", 0)))
        totals = {**self._totals(), **add_up(members)}
        return self._harvest.meter.close_window(totals)

    def _totals(self) -> dict[str, Any]:
        """By the rows that have come: at the end these are all."""
        assert self._harvest
        due = self._harvest.due_by(_now() - self._t0)
        totals = self._harvest.meter.totals(
            origin=self._origin, scheduled=len(self._harvest), due=due, in_flight=0, waiting=0
        )
        cpu_s = sum(float(member.total.get("cpu_s", 0.0)) for member in self._fleet.members)
        return {**totals, "cpu_s": round(cpu_s, 4)}

    # ── the end

    def _finish(self) -> int:
        assert self._harvest
        self._harvest.fill(self._fleet.lost(_now()), self._t0 - self._origin)
        self._harvest.close()
        totals = {**self._totals(), "due": len(self._harvest)}
        members = self._fleet.members
        done = Done(
            **totals,
            reason=self._reason,
            rows=self._harvest.rows,
            connections_opened=sum(int(member.total.get("connections_opened", 0)) for member in members),
            max_rss_kb=max([_max_rss_kb(), *(int(member.total.get("max_rss_kb", 0)) for member in members)]),
            locust_requests=self._locust.requests,
            locust_failures=self._locust.failures,
            workers=len(members),
            clock_error_ns=self._clock_error(),
            repeated=self._harvest.repeated,
        )
        self._wire.emit("sum", **self._harvest.meter.close_window(totals).to_dict())
        self._wire.emit("done", **done.to_dict())
        return self._code(0)

    def _code(self, code: int) -> int:
        return 128 + self._signal if self._signal else code

    def _fail(self, message: str) -> int:
        self._failed = True
        self._wire.emit("error", message=message)
        return _FAILED

    def _refuse(self, message: str) -> int:
        self._failed = True
        self._wire.emit("error", message=message)
        return _BAD_COMMAND

    def _end_all(self) -> None:
        """Workers are asked by Locust's own message; who is still there then, or never came, or is lost, is killed."""
        self._finished.set()
        known = {member.pid for member in self._fleet.members if not member.gone}
        for child in self._children:
            if child.pid not in known or self._failed:
                child.kill()
        self._locust.end()
        until = _now() + int(_END_S * 1e9)
        while any(child.poll() is None for child in self._children) and _now() < until:
            gevent.sleep(0.02)
        for child in self._children:
            if child.poll() is None:
                child.kill()
                child.wait()

    # ── small helpers

    def _tell(self, what: str, text: str, detail: dict[str, Any]) -> None:
        self._wire.emit("note", **Note(what, text, detail, _now()).to_dict())

    def _clock_error(self) -> int:
        return max([0, *(member.clock.error_ns for member in self._fleet.members if member.clock)])

    def _tick_on(self) -> None:
        while not self._finished.wait(_TICK_S):
            self._wire.put({"cmd": "tick"})


def _how_it_ended(code: int) -> str:
    return f"signal {-code} ended it" if code < 0 else f"it ended with exit code {code}"


def _max_rss_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
