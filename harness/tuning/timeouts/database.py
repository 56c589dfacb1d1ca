"""The limits of what a request waits for in the database: its statement, the driver's command, a connection."""

from __future__ import annotations

import math

from harness.tuning.recommendation import Setting
from harness.tuning.timeouts.given import Given, Step, of_silence, up
from harness.tuning.times import Times

ROOM = (3.0, 2.0, 1.5)
"""How many times the longest good request a statement may take: the first that fits below the deadline."""
ENOUGH = 1000
_LEAST_STATEMENT_S = 0.5
_ACQUIRE_S = (0.5, 2.0)


def of_the_database(times: Times, given: Given, request_s: float) -> list[Step] | None:
    """None where no room is left for them below the deadline."""
    fits = (room for room in ROOM if _path_s(times, room) < request_s)
    room = next(fits, None)
    if room is None:
        return None
    statement_s, command_s, acquire_s = _statement_s(times, room), _command_s(times, room), _acquire_s(times)
    silent = of_silence(times, request_s)
    statement = _statement(
        given,
        statement_s,
        f"{room:g} times the longest of {times.requests} good requests ({times.longest_s:.3g} s; p99"
        f" {times.p99_s:.3g} s), at least {_LEAST_STATEMENT_S:g} s, so that the server ends a statement before the"
        " driver gives it up.",
        _of_few(times),
    )
    command = given.in_the_app(
        "command",
        command_s,
        f"More than statement_timeout ({statement_s:g} s), and twice it with {acquire_s:g} s for a connection is below"
        f" the request's deadline: {acquire_s:g} + 2 × {command_s:g} < {request_s:g} s.",
        silent,
    )
    unseen = "" if times.back_s is not None else "No trial has shown how soon the service is back after an outage."
    acquire = given.in_the_app("acquire", acquire_s, _why_acquire(times), unseen)
    return [
        Step("statement", statement_s, statement),
        Step("command", command_s, command),
        Step("acquire", acquire_s, acquire),
    ]


def _statement(given: Given, seconds: float, reason: str, untested: str) -> Setting:
    """Where the app sets it for its own sessions it has seconds, in PostgreSQL's own settings a unit."""
    key = given.keys.get("statement")
    if key is not None:
        return given.setting(key, seconds, reason, untested)
    in_ms = f"{round(seconds * 1000)}ms"
    return given.setting(f"parts.{given.database}.settings.statement_timeout", in_ms, reason, untested)


def no_room(times: Times, request_s: float) -> str:
    """Why there are no limits for the database's part of a request, and what deadline would leave room."""
    least_s = _path_s(times, ROOM[-1])
    return (
        f"The longest good request took {times.longest_s:.3g} s. A statement with {ROOM[-1]:g} times that, its cancel,"
        f" and {_acquire_s(times):g} s for a connection take up to {least_s:.3g} s, and the request has"
        f" {request_s:.3g} s. Make that request faster, or promise a slo.deadline_s above {math.ceil(least_s / 0.9)} s."
    )


def _statement_s(times: Times, room: float) -> float:
    return max(_LEAST_STATEMENT_S, up(room * times.longest_s, 0.1))


def _command_s(times: Times, room: float) -> float:
    statement_s = _statement_s(times, room)
    return up(statement_s + max(0.5, statement_s / 5), 0.1)


def _path_s(times: Times, room: float) -> float:
    """The longest that a request can wait for the database: giving up a command costs as much again (F37)."""
    return _acquire_s(times) + 2 * _command_s(times, room)


def _acquire_s(times: Times) -> float:
    low_s, high_s = _ACQUIRE_S
    return 1.0 if times.back_s is None else min(high_s, max(low_s, up(times.back_s, 0.1)))


def _why_acquire(times: Times) -> str:
    if times.back_s is None:
        return "A second: who waits longer for a connection waits for a database that is away."
    low_s, high_s = _ACQUIRE_S
    return (
        f"Requests were good again {times.back_s:.2g} s after a part was, at the latest: who waits as long is served"
        f" ({low_s:g} to {high_s:g} s), who waits longer waits for a database that is away."
    )


def _of_few(times: Times) -> str:
    if times.requests >= ENOUGH:
        return ""
    return f"Only {times.requests} good requests were seen; the longest of {ENOUGH} says more."
