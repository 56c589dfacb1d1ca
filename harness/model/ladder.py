"""The ladder of timeouts: which limit has to end before which, why, and what is seen where two are the wrong way round.

    statement < command        acquire + 2 × command < request < proxy < client
                                       drain + request + close < graceful < termination

Whoever waits inside must give up before whoever waits outside: then the one who knows the reason answers, and nobody
works for a client that has left. All values are seconds; `inf` is a limit that is not there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Rung = Literal[
    "statement", "command", "acquire", "request", "proxy", "client", "drain", "close", "graceful", "termination"
]
State = Literal["ordered", "inverted", "unknown"]

RUNGS: Mapping[Rung, str] = {
    "statement": "PostgreSQL ends a statement (statement_timeout)",
    "command": "the driver gives up a statement (asyncpg: command_timeout)",
    "acquire": "a request stops waiting for a connection of the pool (asyncpg: acquire(timeout=…))",
    "request": "the service answers a request, with an error if need be (asyncio.timeout, slo.deadline_s)",
    "proxy": "the proxy in front gives up an answer (nginx: proxy_read_timeout)",
    "client": "the client gives up an answer (load.timeout_s)",
    "drain": "the service goes on accepting after SIGTERM, for those who do not know yet",
    "close": "the service closes its pool and ends its lifespan",
    "graceful": "the server ends what is still in hand (Gunicorn: graceful_timeout)",
    "termination": "whoever sent SIGTERM sends SIGKILL (Kubernetes: terminationGracePeriodSeconds)",
}


@dataclass(frozen=True, slots=True)
class Inequality:
    """The sum of `left`, each rung so many times, must be less than `right`."""

    left: tuple[tuple[int, Rung], ...]
    right: Rung
    why: str
    seen: str
    advice: str

    @property
    def name(self) -> str:
        terms = (name if times == 1 else f"{times} × {name}" for times, name in self.left)
        return f"{' + '.join(terms)} < {self.right}"

    def least_s(self, values: Mapping[Rung, float]) -> float | None:
        """The left side of what is known; None where nothing of it is."""
        known = [times * values[name] for times, name in self.left if name in values]
        return sum(known) if known else None

    def state(self, values: Mapping[Rung, float], slack_s: float = 0.0) -> State:
        """Inverted as soon as what is known is too much already; ordered only where all of it is known."""
        least_s, right_s = self.least_s(values), values.get(self.right)
        if least_s is None or right_s is None:
            return "unknown"
        if least_s >= right_s + slack_s:
            return "inverted"
        return "ordered" if all(name in values for _, name in self.left) else "unknown"


STATEMENT = Inequality(
    ((1, "statement"),),
    "command",
    "the server then ends the statement itself, at once and with a clean error, and the connection stays usable",
    "the driver has to cancel over a second connection, which takes up to as long again where the server is silent, and"
    " a statement whose client died goes on",
    "Set statement_timeout below the driver's command timeout: ALTER ROLE … SET statement_timeout, or server_settings"
    " of the pool.",
)
COMMAND = Inequality(
    ((1, "acquire"), (2, "command")),
    "request",
    "giving up a command costs up to as much again for its cancel (F37), and before it the request waited for a"
    " connection",
    "during an outage requests are open for longer than their deadline, and hold a connection and a slot all the time",
    "Lower the driver's command timeout, or its acquire timeout, until acquire + 2 × command is below the request's"
    " deadline.",
)
REQUEST = Inequality(
    ((1, "request"),),
    "proxy",
    "the service's own answer says what is wrong, and what it was doing is given up with it",
    "clients get the proxy's 504 while the service goes on working for nobody",
    "Give each request a deadline of its own (asyncio.timeout, answered with 504), below the proxy's read timeout.",
)
PROXY = Inequality(
    ((1, "proxy"),),
    "client",
    "the proxy's answer still reaches somebody",
    "clients see a timeout of their own, which nobody logged, and ask again while the first request is still in hand",
    "Set the proxy's read timeout (nginx: proxy_read_timeout) below the client's timeout.",
)
DIRECT = Inequality(
    ((1, "request"),),
    "client",
    "an answer that says what is wrong reaches somebody, and what the service was doing is given up with it",
    "clients see a timeout of their own, which nobody logged, and ask again while the first request is still in hand",
    "Give each request a deadline of its own (asyncio.timeout, answered with 504), below the client's timeout.",
)
GRACEFUL = Inequality(
    ((1, "drain"), (1, "request"), (1, "close")),
    "graceful",
    "a request that was accepted at the last moment may take all of its deadline, and the pool is closed after it",
    "each deployment cuts requests in hand, without a status, and the lifespan does not end (F14, F33)",
    "Raise the server's graceful timeout above drain + request deadline + close; with Gunicorn also give the worker a"
    " shorter one of its own, for it is told nothing (F14).",
)
TERMINATION = Inequality(
    ((1, "graceful"),),
    "termination",
    "the server's own end, with answers for what is in hand, is over before the SIGKILL",
    "SIGKILL hits workers in the middle of an answer, and what they would have closed stays open",
    "Raise the time between SIGTERM and SIGKILL (Kubernetes: terminationGracePeriodSeconds) above the graceful timeout,"
    " with the preStop hook's time on top.",
)

LADDER = (STATEMENT, COMMAND, REQUEST, PROXY, GRACEFUL, TERMINATION)
"""With a proxy in front; DIRECT stands for REQUEST and PROXY where there is none."""


def ladder(*, proxy: bool) -> tuple[Inequality, ...]:
    return LADDER if proxy else (STATEMENT, COMMAND, DIRECT, GRACEFUL, TERMINATION)


def inverted(values: Mapping[Rung, float]) -> tuple[Inequality, ...]:
    """Those that surely do not hold; a limit that is not there (`inf`) is above every other."""
    return tuple(each for each in ladder(proxy="proxy" in values) if each.state(values) == "inverted")


def told_s(seconds: float) -> str:
    """For a sentence."""
    return "never" if math.isinf(seconds) else f"{seconds:.3g} s"
