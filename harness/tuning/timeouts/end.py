"""The limits of an end: the server's grace, that of whoever sends SIGKILL, and what Gunicorn wants beside."""

from __future__ import annotations

import math

from harness.tuning.timeouts.given import Given, Step
from harness.tuning.times import Times

GRACE = {
    "gunicorn": "target.gunicorn.graceful_timeout",
    "uvicorn": "target.uvicorn.timeout_graceful_shutdown",
    "granian": "target.granian.workers_kill_timeout",
    "hypercorn": "target.hypercorn.graceful_timeout",
}
_LEAVING_S = 10.0  # where none was seen: 5 s until nobody sends requests any more, 5 s to close a pool
_MARGIN_S = 3.0
_KILL_MARGIN_S = 5
_WORKER_MARGIN_S = 2


def of_the_end(times: Times, given: Given) -> list[Step]:
    seen = times.leaving_s is not None
    leaving_s = _LEAVING_S if times.leaving_s is None else times.leaving_s
    graceful_s = math.ceil(leaving_s + given.deadline_s + _MARGIN_S)
    grace = given.setting(
        GRACE[given.table],
        graceful_s,
        f"{leaving_s:.2g} s to drain and close ({'the longest that was seen' if seen else 'a guess'}), and"
        f" {given.deadline_s:g} s for a request that was accepted last, and {_MARGIN_S:g} s to spare.",
        "" if seen else "No trial has shown how long the service takes to leave.",
    )
    steps = [Step("drain", leaving_s), Step("close", 0.0), Step("graceful", graceful_s, grace)]
    steps.append(_termination(given, graceful_s))
    return [*steps, *_of_gunicorn(times, given, graceful_s)] if given.table == "gunicorn" else steps


def _termination(given: Given, graceful_s: int) -> Step:
    """What is declared stays where it is enough."""
    if given.termination_s is not None and given.termination_s > graceful_s:
        return Step("termination", given.termination_s)
    termination_s = graceful_s + _KILL_MARGIN_S
    why = (
        f"Above the server's grace of {graceful_s} s, with {_KILL_MARGIN_S} s to spare; the time of a preStop hook"
        " comes on top."
    )
    setting = given.setting("pod.termination_grace_s", termination_s, why, "Nobody sent SIGKILL.")
    return Step("termination", termination_s, setting)


def _of_gunicorn(times: Times, given: Given, graceful_s: int) -> list[Step]:
    """No rungs of the ladder, but wrong where they are forgotten (F02, F14, F23)."""
    stall_s = times.stall_s or 0.0
    timeout_s = max(math.ceil(given.deadline_s) + 5, math.ceil(2 * stall_s + 2))
    timeout = given.setting(
        "target.gunicorn.timeout",
        timeout_s,
        f"No limit of a request but of a worker's silence: more than twice the longest of a healthy one"
        f" ({stall_s:.2g} s) and 2 s (F02), and above the deadline of {given.deadline_s:g} s, for it ends the requests"
        " of a worker that is recycled (F23).",
        "" if times.stall_s is not None else "No trial has shown how long a healthy worker is silent.",
    )
    worker_s = graceful_s - _WORKER_MARGIN_S
    worker = given.setting(
        "app.worker_timeout_graceful_shutdown_s",
        worker_s,
        f"Gunicorn tells its Uvicorn workers nothing of graceful_timeout (F14): in a worker class of your own,"
        f" {_WORKER_MARGIN_S} s below its {graceful_s} s, so that what is late gets an answer.",
        "It takes a worker class of your own, which was not run.",
    )
    return [Step(None, timeout_s, timeout), Step(None, worker_s, worker)]
