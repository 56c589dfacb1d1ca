"""What a load driver says to the harness: one JSON object a line on its standard output.

Commands, on its standard input:

    {"cmd": "prepare", "profile": {…}, "rows_file": "…"}   →  ready, or error
    {"cmd": "start", "t0_ns": …, "origin_ns": …}           →  sum, twice a second; done at the end of the schedule
    {"cmd": "stop", "drain_s": …}                          →  done, after what is open has ended or the time is over

Between them a driver may say a note. What a master says to an engine only: `start` with member, epochs and lease_ns,
`epochs`, and `lease` with until_ns (see epochs.py).

`t0_ns` is a moment of time.monotonic_ns; rows and sums count from `origin_ns`, so that they share the clock of the
trial. The driver of flows takes `"flow": {"locustfile": …, "model": "open" or "closed", "users": …}` in prepare, says
`lines` (`first`, and method and name of each) before the rows whose endpoints those are, and an error of kind "usage"
for what the file's author has to mend.

The end of standard input means that the harness died: the driver stops at once and leaves whole rows behind.
"""

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, Self


def read_command(line: bytes) -> dict[str, Any]:
    """A line of a driver's input; one that is no command becomes an error that the session can tell."""
    try:
        command = json.loads(line)
    except ValueError as error:
        return {"cmd": "error", "message": f"a command is not JSON: {error}"}
    if not isinstance(command, dict):
        return {"cmd": "error", "message": "a command is not a JSON object"}
    return command


@dataclass(frozen=True, slots=True)
class Message:
    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Self:
        """Fields that are not known here are passed over: the driver may be newer. Not every driver says all."""
        return cls(**{field.name: raw[field.name] for field in dataclasses.fields(cls) if _is_there(field, raw)})


def _is_there(field: dataclasses.Field[Any], raw: dict[str, Any]) -> bool:
    return field.name in raw or field.default is dataclasses.MISSING


@dataclass(frozen=True, slots=True)
class Ready(Message):
    """`self_test` is "ok": a reset on a reused connection was seen to count as a failure.

    `clock_error_ns` bounds how far the clock of a worker on another machine may be from ours; on one machine it is 0.
    """

    arrivals: int
    connections: int
    pid: int
    self_test: str
    workers: int = 1
    clock_error_ns: int = 0


@dataclass(frozen=True, slots=True)
class Note(Message):
    """Something that a reader of the record should know: a worker was lost, or joined. `at_ns` is of the clock."""

    what: str
    text: str
    detail: dict[str, Any]
    at_ns: int


@dataclass(frozen=True, slots=True)
class Totals(Message):
    """Since the start: sent = answered + failed + timed_out + unfinished + in_flight."""

    at_ns: int
    scheduled: int
    due: int
    sent: int
    answered: int
    ok: int
    failed: int
    timed_out: int
    unfinished: int
    not_sent: int
    in_flight: int
    waiting: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class LoadSum(Totals):
    """Totals, and what ended since the last one. Quantiles are of answered requests; None where there was none.

    `lag` is how late requests left, waiting for a connection included. `hub_lag_max_ns` is the generator's own delay.
    """

    window_n: int
    p50_ns: int | None
    p99_ns: int | None
    lag_p50_ns: int | None
    lag_p99_ns: int | None
    lag_max_ns: int | None
    hub_lag_max_ns: int


@dataclass(frozen=True, slots=True)
class Done(Totals):
    """`reason`: "schedule", "stop", "parent died", "signal" or "lease". Locust's own counts are for comparison.

    `repeated` rows came for an arrival that had one already; they are not in the file.
    """

    reason: str
    rows: int
    connections_opened: int
    max_rss_kb: int
    locust_requests: int
    locust_failures: int
    workers: int = 1
    clock_error_ns: int = 0
    repeated: int = 0
