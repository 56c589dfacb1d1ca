"""Was the generator itself in order? The strict gates for figures of capacity, from what it says of itself.

A generator at its limit tells its own lateness as the service's. What it says with the rows is enough to see that: how
late requests left, the arrivals that it came to too late, the CPU that it used in any two seconds, the lag of its own
loop, the rate that it reached; and what others used of the machine meanwhile.

How late a request left holds the wait for a free connection too, which is the service's doing: windows in which
something waited for one are left out of lag and rate. An overloaded service may leave none: then those two are not
known, which is no proof against the generator.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.model.observation import LoadSummed, MachineSampled
from harness.model.record import Span, TrialRecord
from harness.model.rows import Outcome, Rows, nearest_rank
from harness.model.samples import response_ns, send_lag_ns

LAG_MS, LAG_SHARE = 2.0, 0.10
LATE_SHARE = 0.001
REACHED = 0.99
CPU_SHARE, CPU_OVER_S = 0.80, 2.0
LOOP_LAG_MS, LOOP_WINDOWS = 5.0, 0.25
FOREIGN_CPUS = 0.15
STEAL_SHARE = 0.02
FOREIGN = "foreign CPU"
_LEAST = 100
_S = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Gate:
    """`value` None: it cannot be said. A gate that is not known to hold does not hold."""

    name: str
    value: float | None
    limit: float
    says: str

    @property
    def holds(self) -> bool:
        return self.value is not None and self.value <= self.limit

    @property
    def is_broken(self) -> bool:
        """Its figure is known, and over the limit."""
        return self.value is not None and self.value > self.limit


def gates(record: TrialRecord, span: Span) -> tuple[Gate, ...]:
    """All of them, over one stretch of a trial."""
    sums = [seen for seen in record.of(LoadSummed) if span.start_ns <= seen.sent_ns <= span.end_ns]
    machine = [seen for seen in record.of(MachineSampled) if span.start_ns <= seen.sent_ns < span.end_ns]
    rows = record.samples
    due = rows[(rows["intended"] >= span.start_ns) & (rows["intended"] < span.end_ns)]
    free = _unhindered(due, sums)
    cpus = len(record.trial.cpus.allowed) if record.trial.cpus else 0
    return (
        _lag(free, due),
        _late(due),
        _reached(free),
        _cpu(sums),
        _loop(sums),
        _foreign(machine, cpus),
        _steal(machine),
    )


def broken(record: TrialRecord, span: Span, besides: Container[str] = ()) -> str:
    """What is known to be out of order, in words; empty when nothing is. Gates named in `besides` are not asked."""
    return "; ".join(gate.says for gate in gates(record, span) if gate.is_broken and gate.name not in besides)


def unknown(record: TrialRecord, span: Span) -> str:
    """What cannot be said, in words."""
    return "; ".join(gate.says for gate in gates(record, span) if gate.value is None)


def _unhindered(due: Rows, sums: Sequence[LoadSummed]) -> Rows:
    """What was due while nothing waited for a connection: between two sums that both say so."""
    kept = np.zeros(len(due), dtype=np.bool_)
    for before, after in pairwise(sums):
        if before.waiting == after.waiting == 0:
            kept |= (due["intended"] >= before.sent_ns) & (due["intended"] < after.sent_ns)
    unhindered: Rows = due[kept]
    return unhindered


def _lag(free: Rows, due: Rows) -> Gate:
    answered = response_ns(due)
    limit_ms = max(LAG_MS, LAG_SHARE * nearest_rank(answered, 500) / 1e6) if len(answered) else LAG_MS
    lags = send_lag_ns(free)
    if len(lags) < _LEAST:
        return _unknown("send lag", limit_ms, f"only {len(lags)} requests left unhindered, and {_LEAST} are needed")
    lag_ms = nearest_rank(lags, 990) / 1e6
    return Gate("send lag", lag_ms, limit_ms, f"send lag p99 {lag_ms:.1f} ms (at most {limit_ms:.1f} ms)")


def _late(due: Rows) -> Gate:
    if not len(due):
        return _unknown("lateness", LATE_SHARE, "nothing was due")
    share = float(np.count_nonzero(due["code"] == Outcome.NOT_SENT_LATE)) / len(due)
    return Gate("lateness", share, LATE_SHARE, f"late for {share:.1%} of the arrivals (at most {LATE_SHARE:.1%})")


def _reached(free: Rows) -> Gate:
    """As the share that is missing, so that every gate is a value with an upper limit."""
    limit = round(1 - REACHED, 6)
    if not len(free):
        return _unknown("rate reached", limit, "nothing was due while connections were free")
    missing = float(np.count_nonzero(free["sent"] < 0)) / len(free)
    return Gate("rate reached", missing, limit, f"{1 - missing:.1%} of the rate was reached (at least {REACHED:.0%})")


def _cpu(sums: Sequence[LoadSummed]) -> Gate:
    """Of one CPU, over any two seconds."""
    shares = []
    for index, first in enumerate(sums):
        last = next((each for each in sums[index + 1 :] if each.sent_ns - first.sent_ns >= CPU_OVER_S * _S), None)
        if last is not None:
            shares.append((last.cpu_s - first.cpu_s) / ((last.sent_ns - first.sent_ns) / _S))
    if not shares:
        return _unknown("generator CPU", CPU_SHARE, "the generator did not say what CPU it used")
    worst = max(shares)
    return Gate("generator CPU", worst, CPU_SHARE, f"the generator used {worst:.0%} of a CPU (at most {CPU_SHARE:.0%})")


def _loop(sums: Sequence[LoadSummed]) -> Gate:
    """A window tells its worst tick of about 25. A quarter of them with one over the limit is 1 tick in 100."""
    known = [seen.loop_lag_ms for seen in sums if seen.loop_lag_ms >= 0]
    if not known:
        return _unknown("loop lag", LOOP_WINDOWS, "the generator did not say how late its own loop was")
    share = sum(lag_ms > LOOP_LAG_MS for lag_ms in known) / len(known)
    says = f"the generator's loop was over {LOOP_LAG_MS:g} ms late in {share:.0%} of the windows (at most 25%)"
    return Gate("loop lag", share, LOOP_WINDOWS, says)


def _foreign(machine: Sequence[MachineSampled], cpus: int) -> Gate:
    known = [seen.foreign_cpu_share for seen in machine if seen.foreign_cpu_share >= 0]
    if not known or not cpus:
        return _unknown(FOREIGN, FOREIGN_CPUS, "what others used of the CPUs is not known")
    used = cpus * sum(known) / len(known)
    return Gate(FOREIGN, used, FOREIGN_CPUS, f"others used {used:.2f} CPUs (at most {FOREIGN_CPUS:g})")


def _steal(machine: Sequence[MachineSampled]) -> Gate:
    if not machine:
        return _unknown("steal", STEAL_SHARE, "what was stolen of the CPUs is not known")
    share = sum(seen.steal_share for seen in machine) / len(machine)
    return Gate("steal", share, STEAL_SHARE, f"{share:.1%} of the CPU time was stolen (at most {STEAL_SHARE:.0%})")


def _unknown(name: str, limit: float, says: str) -> Gate:
    return Gate(name, None, limit, says)
