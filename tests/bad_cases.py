"""Every bad app with the scenario that shows its defect, and the checks that it deserves to fail: these and no other.

A bad app has one defect; where that deserves more than one check, the case says why. The apps are in tests/bad_apps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

APPS = Path(__file__).parent / "bad_apps"


@dataclass(frozen=True, slots=True)
class Case:
    """`fails` and `unjudged` (inconclusive): each check that does not pass, with the reason why it deserves that. The
    first that fails is the one that the defect is meant for.

    `finds`: the failure modes that it is an example of. `base` is the target file of an app that has none of its own.
    `tested`: tests/shell/test_bad_apps.py runs it too, and not only the benchmark.
    """

    app: str
    scenario: str
    fails: Mapping[str, str]
    unjudged: Mapping[str, str] = field(default_factory=dict)
    finds: tuple[str, ...] = ()
    base: str = ""
    tested: bool = False

    def __str__(self) -> str:
        return f"{self.app}-{self.scenario}"

    @property
    def check(self) -> str:
        """The check that the defect is meant for."""
        return next(iter(self.fails), "")

    @property
    def target(self) -> Path:
        return APPS / f"{self.base or self.app}.toml"

    @property
    def options(self) -> tuple[str, ...]:
        """What the command needs beside the target file."""
        return ("--set", f"target.app={self.app}:app") if self.base else ()


CASES = (
    Case(
        "static_readiness",
        "db-refused",
        {"readiness-flips": "the defect: it says yes while nothing can be served"},
        tested=True,
    ),
    Case(
        "hanging_readiness",
        "db-blackhole",
        {"readiness-bounded": "the defect: a probe waits until the fault is lifted"},
        finds=("F35",),
        tested=True,
    ),
    Case(
        "liveness_on_database",
        "db-refused",
        {"liveness-holds": "the defect: liveness fails as long as the database is away"},
        finds=("F40",),
        tested=True,
    ),
    Case(
        "dead_pool",
        "db-refused",
        {"recovers": "the defect: after the outage every request fails"},
        {
            "error-budget": "errors of the recovery are those of `recovers`, which never saw the service come back",
            "latency-slo": "as the error budget: there are no requests after a recovery",
        },
        finds=("F52",),
        tested=True,
    ),
    Case(
        "blocking_call",
        "dependency-slow",
        {
            "no-stuck-workers": "the defect: the worker does nothing else while it waits",
            "liveness-holds": "both workers are blocked, and three probes in a row meet that",
            "readiness-flips": "a blocked worker cannot say that it is ready, which needs no rates",
            "readiness-bounded": "nor can it answer in time",
            "latency-slo": "requests that need nothing wait for the blocked worker",
        },
        finds=("F01",),
        tested=True,
    ),
    Case(
        "cut_on_shutdown",
        "drain",
        {"graceful-shutdown": "the defect: requests in flight are cut"},
        finds=("F14",),
        tested=True,
    ),
    Case(
        "early_ack",
        "db-refused",
        {"nothing-lost": "the defect: batches that met the outage are gone"},
        finds=("F62",),
        tested=True,
    ),
    Case(
        "early_ack",
        "drain",
        {"nothing-lost": "the defect: the last batch is never written"},
        finds=("F62",),
        tested=True,
    ),
    Case(
        "no_timeouts",
        "db-blackhole",
        {
            "requests-bounded": "the defect: a request waits as long as the database is silent",
            "timeouts-ordered": "so its client is the first to give up",
        },
        finds=("F36",),
        tested=True,
    ),
    Case(
        "double_entry",
        "db-latency",
        {"no-duplicates": "the defect: what was stored, but not answered in time, is written again"},
        finds=("F43",),
        tested=True,
    ),
    Case(
        "impatient_retries",
        "dependency-slow",
        {"retry-bounded": "the defect: ten calls at once for each request"},
        finds=("F60",),
        tested=True,
    ),
    Case(
        "wide_pool",
        "db-latency",
        {"pool-bounded": "the defect: the pools ask for more sessions than there are"},
        finds=("F41",),
        tested=True,
    ),
    Case(
        "never_starts",
        "baseline",
        {"starts": "the defect: the import fails"},
        tested=True,
    ),
    Case(
        "forgetful",
        "db-three-outages",
        {"no-leaks": "the defect: each write that fails leaves an open file"},
        tested=True,
    ),
    Case(
        "left_behind",
        "baseline",
        {"no-orphans": "the defect: helpers that no signal reaches are alive when the server has gone"},
        finds=("F09",),
        base="desk",
        tested=True,
    ),
    Case(
        "waits_at_start",
        "baseline",
        {"starts": "the defect: the second worker waits for a lock that the first one keeps"},
        finds=("F11",),
        base="desk",
    ),
    Case(
        "crowded_readiness",
        "db-latency",
        {"readiness-flips": "the defect: it waits for a connection of a pool that is only busy"},
        finds=("F39",),
        base="desk",
    ),
    Case(
        "impatient_connects",
        "db-refused",
        {"retry-bounded": "the defect: twenty attempts to connect for each request"},
        finds=("F60",),
        base="desk",
    ),
    Case(
        "one_breaker",
        "dependency-errors",
        {"error-budget": "the defect: while the breaker of the rates is open, nobody gets anything"},
        finds=("F59",),
        base="desk_rates",
        tested=True,
    ),
    Case(
        "needs_database",
        "worker-killed-while-database-down",
        {
            "recovers": "the defect: one worker that cannot start without the database ends the server",
            "graceful-shutdown": "so it had ended before it was asked to",
            "error-budget": "what needs no database is refused too",
            "latency-slo": "and what is refused is not answered in time",
        },
        finds=("F12", "F13"),
    ),
    Case(
        "needs_database",
        "boot-without-postgres",
        {"starts": "the defect: started while the database is away it ends, and nobody starts it a third time"},
        finds=("F12",),
    ),
    Case(
        "endless_queue",
        "burst",
        {"latency-slo": "the defect: in a burst everybody waits in a queue that has no end"},
        finds=("F38",),
        base="desk",
    ),
    Case(
        "long_goodbye",
        "drain",
        {"graceful-shutdown": "the defect: the server never leaves"},
        finds=("F30",),
    ),
    Case(
        "blocking_call_uvicorn",
        "dependency-slow",
        {
            "no-stuck-workers": "the defect, under a supervisor that a thread of the worker answers",
            "liveness-holds": "both workers are blocked, and three probes in a row meet that",
            "readiness-flips": "a blocked worker cannot say that it is ready, which needs no rates",
            "readiness-bounded": "nor can it answer in time",
            "latency-slo": "requests that need nothing wait for the blocked worker",
        },
        finds=("F03",),
    ),
    Case(
        "cut_export",
        "drain",
        {"graceful-shutdown": "the defect: an answer that has begun, with status 200, ends before its end"},
        finds=("F34",),
    ),
    Case(
        "endless_thread",
        "drain",
        {"graceful-shutdown": "the defect: a worker is stuck at its end, and its supervisor waits for it"},
        finds=("F16",),
        base="long_goodbye",
    ),
    Case(
        "closes_at_once",
        "drain",
        {"drain-delay": "the defect: whoever comes in the first 2 s after SIGTERM is turned away"},
        finds=("F18",),
        tested=True,
    ),
    Case(
        "last_news",
        "drain",
        {"graceful-shutdown": "the defect: requests in hand are never answered, and nothing ends that"},
        finds=("F15",),
    ),
    Case(
        "double_timeout",
        "db-blackhole",
        {
            "requests-bounded": "the defect: 8 s for the command and 8 s for its cancel are more than the deadline",
            "timeouts-ordered": "and more than its client waits",
        },
        finds=("F37",),
        base="desk",
    ),
    Case(
        "double_timeout",
        "db-locked",
        {"timeouts-ordered": "the defect: twice the command is more than the deadline, which only silence would show"},
        finds=("F37",),
        base="desk",
    ),
    Case(
        "late_statement",
        "db-locked",
        {"timeouts-ordered": "the defect: the driver has given up before the database would end the statement"},
    ),
    Case(
        "short_grace",
        "drain",
        {"timeouts-ordered": "the defect: a request may take longer than a server that ends gives it"},
        finds=("F14",),
    ),
    Case(
        "short_grace",
        "drain-locked",
        {
            "timeouts-ordered": "the defect: what waits for the locked table is cut when the grace is over",
            "graceful-shutdown": "and so it is",
        },
        finds=("F14",),
    ),
    Case(
        "short_notice",
        "drain",
        {"timeouts-ordered": "the defect: the SIGKILL comes before the server's own end would be over"},
    ),
    Case(
        "hasty_proxy",
        "db-blackhole",
        {"timeouts-ordered": "the defect: the proxy gives up before the service has to answer"},
    ),
    Case(
        "patient_proxy",
        "db-blackhole",
        {"timeouts-ordered": "the defect: its clients leave before the proxy gives up"},
    ),
    Case(
        "one_bulkhead",
        "dependency-slow",
        {"latency-slo": "the defect: requests that need no rates wait for those that do"},
        finds=("F59",),
    ),
    Case(
        "few_threads",
        "dependency-slow",
        {"latency-slo": "the defect: an endpoint that needs no rates waits for a thread that does"},
        finds=("F47",),
    ),
    Case(
        "few_threads",
        "worker-threads-full",
        {"requests-bounded": "the defect: who waits for a thread waits without a limit"},
        finds=("F47",),
    ),
    Case(
        "holds_the_lock",
        "dependency-slow",
        {
            "no-stuck-workers": "the defect: nothing else runs in a worker that waits",
            "liveness-holds": "both workers stand still, and three probes in a row meet that",
            "readiness-flips": "a worker that stands still cannot say that it is ready, which needs no rates",
            "readiness-bounded": "nor can it answer in time",
            "latency-slo": "requests that need nothing wait too",
        },
        finds=("F04",),
    ),
    Case(
        "places_for_bodies",
        "clients-slow",
        {
            "error-budget": "the defect: who writes gets no place before his client gives up",
            "latency-slo": "or gets one late",
        },
        finds=("F55",),
        base="desk",
    ),
    Case(
        "one_for_all",
        "worker-killed",
        {
            "recovers": "the defect: the server ends with the worker",
            "graceful-shutdown": "so it had ended before it was asked to",
            "readiness-flips": "nobody is there to say that he is ready",
            "error-budget": "whoever asks is refused",
            "latency-slo": "and what is refused is not answered in time",
        },
        {"no-stuck-workers": "no worker is left that could be asked"},
        finds=("F08",),
    ),
    Case(
        "recycled",
        "baseline",
        {"no-restart-storm": "the defect: each worker is replaced after some two hundred requests"},
        finds=("F22",),
    ),
    Case(
        "recycled_hastily",
        "recycled-locked",
        {"no-stuck-workers": "the defect: the worker that is recycled is killed while its requests wait"},
        finds=("F23",),
    ),
    Case(
        "crashing_leader",
        "dependency-errors",
        {"no-restart-storm": "the defect: the worker that leads ends itself, and so does the next one"},
        finds=("F07",),
    ),
    Case(
        "counted_connections",
        "clients-idle",
        {
            "error-budget": "the defect: while idle connections fill the limit, everybody hears 503",
            "liveness-holds": "so does liveness, three times in a row",
            "readiness-flips": "and readiness",
        },
        finds=("F53",),
    ),
    Case(
        "open_notes",
        "db-three-locks",
        {"no-leaks": "the defect: with each outage more transactions stay open"},
        finds=("F45",),
        base="desk",
    ),
    Case(
        "error_page",
        "reloaded-broken",
        {
            "survives-bad-reload": "the defect: workers that serve an error page take the place of those that served",
            "recovers": "and stay: nobody sees that they have no app",
        },
        {
            "graceful-shutdown": "an error page is answered at once: nothing is in flight when the server is to end",
            "error-budget": "errors of the recovery are those of `recovers`, which never saw the service come back",
            "latency-slo": "as the error budget: there are no requests after a recovery",
        },
        finds=("F29",),
    ),
    Case(
        "unlocked_setup",
        "migrated-twice",
        {"migrates-together": "the defect: both find no table, and one of them fails to make it"},
        finds=("F61",),
    ),
    Case(
        "short_timeout",
        "dependency-hangs",
        {
            "no-restart-storm": "the defect: workers are killed, one after the other, for calls below the timeout",
            "no-stuck-workers": "their supervisor has killed them as stuck",
        },
        finds=("F02",),
    ),
    Case(
        "worker_numbers",
        "worker-frozen",
        {"recovers": "the defect: whoever comes in place of a killed worker waits for its number"},
        {
            "no-stuck-workers": "a worker that never starts cannot be asked",
            "error-budget": "there is no recovery of which errors could be counted",
            "latency-slo": "as the error budget",
        },
        finds=("F05",),
        base="desk",
    ),
    Case(
        "careful_start",
        "reload",
        {
            "latency-slo": "the defect: in a reload everybody waits for eight seconds longer than at a boot",
            "liveness-holds": "three probes in a row meet that",
            "readiness-flips": "so do those for readiness",
            "readiness-bounded": "and none of them is answered in time",
        },
        finds=("F28",),
        base="desk",
    ),
    Case(
        "hasty_supervisor",
        "dependency-slow",
        {"no-restart-storm": "the defect: busy workers are taken for dead, one after the other"},
        finds=("F06",),
    ),
    Case(
        "lost_on_leaving",
        "clients-vanish",
        {
            "recovers": "the defect: clients that leave take connections of the pool with them, until none is left",
            "error-budget": "then every request that needs one is turned away",
            "latency-slo": "after it has waited for one",
        },
        finds=("F45",),
        base="desk",
    ),
)
