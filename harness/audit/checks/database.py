"""The database is reached within bounds: sessions, waiting statements, transactions, TLS, and the role.

A pool is a number for each worker, and two generations of workers are connected during a reload: what fits once must
fit twice, and leave room for people. A statement without a timeout waits as long as a lock is held, and its session
with it, whatever the client has long been told.
"""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.database import IDLE_S, Burst, DatabaseUse

SPARE = 8  # superuser_reserved_connections, and a few for people and migrations
ANSWER_SLACK_S = 2.0
BACK_SLACK_S = 1.0
_NO_PART = ("This target has no PostgreSQL.", "[parts.postgres], and its address in target.env")
_DECLARE_LINES = "[[load.requests]] with needs"


def _no_burst(facts: DatabaseUse) -> Told:
    if not facts.part:
        return not_applicable(*_NO_PART)
    if facts.why_not:
        return _unasked(facts)
    return inconclusive(f"The database {facts.part} has no table, so that nothing could be made to wait.")


def _unasked(facts: DatabaseUse) -> Told:
    if facts.lines:
        return inconclusive(f"The database {facts.part} could not be tried: {facts.why_not}.")
    return not_applicable(f"The database {facts.part} could not be tried: {facts.why_not}.", _DECLARE_LINES)


def _pool(facts: DatabaseUse) -> Told:
    burst = facts.burst
    if burst is None:
        return _no_burst(facts)
    evidence = {"sessions": burst.sessions, "max_connections": burst.max_connections, "requests": burst.requests}
    if not burst.sessions:
        return inconclusive(f"No session of the app was seen in {facts.part}.", "", **evidence)
    needed = 2 * burst.sessions + SPARE
    sums = f"2 x {burst.sessions} + {SPARE} = {needed} of {burst.max_connections} connections"
    if needed > burst.max_connections:
        return failed(
            f"The app took {burst.sessions} sessions under {burst.requests} requests at once. With two generations of"
            f" workers in a reload that is {sums}.",
            "Make the pool of each worker smaller, or max_connections larger:"
            f" workers x pool <= {(burst.max_connections - SPARE) // 2}.",
            **evidence,
        )
    if not burst.waiting:
        return inconclusive(
            f"{burst.sessions} sessions were seen, but no statement met a lock: the pool need not have been full.",
            "",
            **evidence,
        )
    return passed(f"{burst.requests} requests at once took {burst.sessions} sessions: {sums} in a reload.", **evidence)


def _bounded(facts: DatabaseUse) -> Told:
    burst = facts.burst
    if burst is None:
        return _no_burst(facts)
    evidence: dict[str, object] = {
        "waiting": burst.waiting,
        "longest_wait_s": burst.longest_wait_s,
        "slowest_answer_s": burst.slowest_s,
        "unanswered": burst.unanswered,
        "back_s": burst.back_s,
    }
    advice = "Set statement_timeout for the app's role or sessions, below the driver's timeout and the deadline."
    if not burst.waiting:
        return inconclusive(
            f"None of {burst.requests} requests was seen to wait for a lock on {burst.tables} tables.", "", **evidence
        )
    limit_s = facts.deadline_s
    if burst.left_waiting or burst.longest_wait_s > limit_s:
        return failed(
            f"A statement waited {burst.longest_wait_s:.1f} s for a lock (limit {limit_s:g} s), and"
            f" {burst.left_waiting} of {burst.waiting} still waited when the lock was lifted.",
            advice,
            **evidence,
        )
    if burst.unanswered or burst.slowest_s > limit_s + ANSWER_SLACK_S:
        return failed(
            f"Statements ended, but {burst.unanswered} of {burst.requests} requests had no answer, and the slowest took"
            f" {burst.slowest_s:.1f} s (limit {limit_s + ANSWER_SLACK_S:g} s).",
            "Bound the wait for a connection too, and answer 503 when it is over.",
            **evidence,
        )
    if not _is_back(burst.back_s, facts):
        return failed(
            f"After the lock was gone the service was not well within {facts.recover_s:g} s{_when(burst)}.",
            "Give back, or drop, each connection whose statement was ended.",
            **evidence,
        )
    return passed(
        f"{burst.waiting} statements that waited for a lock ended within {burst.longest_wait_s:.1f} s"
        f" (limit {limit_s:g} s), and every request was answered within {burst.slowest_s:.1f} s.",
        **evidence,
    )


def _tls(facts: DatabaseUse) -> Told:
    tls = facts.tls
    if tls is None:
        return not_applicable(*_NO_PART) if not facts.part else _unasked(facts)
    if not tls.offered:
        return not_applicable(
            f"The server of {facts.part} offers no TLS here, on loopback.",
            f"parts.{facts.part}.url of a server that offers it",
        )
    evidence = {"sessions": tls.sessions, "encrypted": tls.encrypted}
    if not tls.sessions:
        return inconclusive(f"No session of the app was seen in {facts.part}.", "", **evidence)
    if tls.encrypted == tls.sessions:
        return passed(f"All {tls.sessions} sessions of the app use TLS.", **evidence)
    plain = f"{tls.sessions - tls.encrypted} of {tls.sessions} sessions are in the clear, and the server offers TLS"
    advice = "Write sslmode=require, or verify-full with the server's certificate, into the connection string."
    if tls.forbidden:
        return failed(f"{plain}: the connection string forbids it.", advice, **evidence)
    return inconclusive(f"{plain}; the connection string does not say why.", advice, **evidence)


def _idle(facts: DatabaseUse) -> Told:
    if not facts.idle:
        return not_applicable(*_NO_PART) if not facts.part else _unasked(facts)
    worst = max(facts.idle, key=lambda idle: idle.oldest_s)
    evidence = {idle.when: {"sessions": idle.sessions, "oldest_s": idle.oldest_s} for idle in facts.idle}
    if worst.oldest_s > IDLE_S:
        return failed(
            f"{worst.sessions} sessions were idle in a transaction {worst.when}, the oldest for {worst.oldest_s:.1f} s"
            f" (limit {IDLE_S:g} s).",
            "End each transaction before the answer is sent, and set idle_in_transaction_session_timeout.",
            **evidence,
        )
    if facts.burst is None:
        return inconclusive("No session is idle in a transaction at rest; no burst was sent.", "", **evidence)
    return passed(f"No session was idle in a transaction for longer than {IDLE_S:g} s.", **evidence)


def _survives(facts: DatabaseUse) -> Told:
    cut = facts.cut
    if cut is None or facts.why_not:
        return not_applicable(*_NO_PART) if not facts.part else _unasked(facts)
    evidence = {"sessions": cut.sessions, "back_s": cut.back_s}
    if not cut.sessions:
        return inconclusive("The app had no session that could be ended.", "", **evidence)
    if not _is_back(cut.back_s, facts):
        late = f" (it was after {cut.back_s:.1f} s)" if cut.back_s >= 0 else f": {', '.join(cut.failing[:3])} failed"
        return failed(
            f"All {cut.sessions} sessions were ended by the server, and {facts.recover_s:g} s later not every request"
            f" was answered as expected{late}.",
            "Let the pool drop dead connections: pool_pre_ping with SQLAlchemy, no connection kept for ever.",
            **evidence,
        )
    return passed(
        f"All {cut.sessions} sessions were ended by the server; every request was well {cut.back_s:.1f} s later"
        f" (limit {facts.recover_s:g} s).",
        **evidence,
    )


def _role(facts: DatabaseUse) -> Told:
    if not facts.part:
        return not_applicable(*_NO_PART)
    if not facts.roles:
        return inconclusive(f"No session of the app was seen in {facts.part}.")
    mighty = [role for role in facts.roles if role.superuser or role.creates_roles]
    if mighty:
        may = "is a superuser" if mighty[0].superuser else "may create roles"
        return failed(
            f"The app's role {mighty[0].name} {may}.",
            "Give the app a role of its own: LOGIN NOSUPERUSER NOCREATEROLE, owner of its tables at most.",
        )
    names = ", ".join(role.name for role in facts.roles)
    return passed(f"The app's role ({names}) is no superuser and creates no roles.")


def _is_back(back_s: float, facts: DatabaseUse) -> bool:
    return 0 <= back_s <= facts.recover_s + BACK_SLACK_S


def _when(burst: Burst) -> str:
    return f" (it was after {burst.back_s:.1f} s)" if burst.back_s >= 0 else ""


CHECKS: tuple[Check[DatabaseUse], ...] = (
    Check("pool-fits", "Do two generations of workers fit into max_connections?", _pool, essential=True),
    Check("statement-bounded", "Does a statement that waits end by itself?", _bounded, essential=True),
    Check("tls", "Do the app's sessions use TLS where it is offered?", _tls),
    Check("no-idle-transactions", "Does no session keep a transaction open?", _idle),
    Check("survives-cut-sessions", "Does it come back after the server ended its sessions?", _survives),
    Check("role-limited", "Is the app's role limited?", _role),
)
