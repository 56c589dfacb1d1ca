"""Workers that fit the CPUs, timeouts, a shutdown that loses nothing, one address, and no belief in strangers."""

from __future__ import annotations

from harness.audit.check import Check, Told, failed, inconclusive, not_applicable, passed
from harness.audit.facts.server import Ending, Held, Redirect, Server

STUCK_S = (5.0, 120.0)  # less kills a worker that was busy for a moment, more leaves a stuck one in its place
REPLACED_S = 10.0
ACCEPTED_S = 0.25  # a worker has a request in hand that was accepted so long before SIGTERM
GRACE_SLACK_S = 2.0  # a supervisor looks that often
_HEARTBEATS = ("gunicorn-uvicorn", "gunicorn-asgi")


def _workers(facts: Server) -> Told:
    limit = 2 * facts.cpus + 1
    n = facts.workers_answered
    seen: dict[str, object] = {"workers": n, "cpus": facts.cpus, "limit": limit}
    if n < 1:
        return inconclusive("No worker answered.")
    if n > limit:
        return failed(
            f"{n} workers answered, and the process may use {facts.cpus:g} CPUs: more than 2 × CPU + 1 = {limit:g}.",
            "Start fewer workers (target.workers, WEB_CONCURRENCY), and measure which number serves most.",
            **seen,
        )
    note = " A crash of it is an outage until its successor is up." if n == 1 else ""
    return passed(f"{n} worker{'s' * (n > 1)} for {facts.cpus:g} CPUs (limit {limit:g}).{note}", **seen)


def _timeouts(facts: Server) -> Told:
    settings = facts.settings
    stuck, graceful, keep = settings.stuck_timeout_s, settings.graceful_s, settings.keepalive_s
    read: dict[str, object] = {"stuck_timeout_s": stuck, "graceful_s": graceful, "keepalive_s": keep}
    read["deadline_s"] = facts.deadline_s
    low, high = STUCK_S
    wrong = []
    if settings.server in _HEARTBEATS and (stuck is None or not low <= stuck <= high):
        age = "no limit" if stuck is None else f"{stuck:g} s"
        wrong.append(f"a worker without a heartbeat is left alone for {age} (accepted: {low:g} to {high:g} s)")
    if graceful is None:
        wrong.append("a shutdown may take for ever: there is no graceful timeout")
    elif graceful < facts.deadline_s:
        wrong.append(f"a shutdown cuts requests after {graceful:g} s that may take {facts.deadline_s:g} s")
    if wrong:
        return failed(
            f"Read from the settings in force: {'; '.join(wrong)}.",
            "Set Gunicorn's timeout, and what bounds a shutdown to at least slo.deadline_s: Gunicorn's and Hypercorn's"
            " graceful_timeout, Uvicorn's timeout_graceful_shutdown, Granian's workers_kill_timeout.",
            **read,
        )
    heartbeat = "" if stuck is None else f"a heartbeat within {stuck:g} s, "
    kept = "" if keep is None else f", idle connections kept for {keep:g} s"
    return passed(
        f"Read from the settings in force: {heartbeat}{graceful:g} s to end gracefully (deadline"
        f" {facts.deadline_s:g} s){kept}.",
        **read,
    )


def _shutdown(facts: Server) -> Told:
    ending = facts.ending
    if ending is None:
        return inconclusive(f"No deployment could be ended: {facts.up or 'none was started'}")
    held = [item for item in ending.held if _in_hand(item)]
    cut = [item for item in held if item.outcome != "answered"]
    seen: dict[str, object] = {
        "in_flight": len(held),
        "cut": [f"{item.request}: {item.outcome} after {item.done_s:.1f} s" for item in cut],
        "took_s": round(ending.took_s, 1),
        "grace_s": ending.grace_s,
        "exit_code": ending.exit_code,
    }
    wrong = [f"{len(cut)} of {len(held)} requests in flight were cut"] if cut else []
    if ending.killed or ending.took_s > ending.grace_s + GRACE_SLACK_S:
        wrong.append(_late(ending))
    if wrong:
        return failed(
            f"SIGTERM did not end it gracefully: {' and '.join(wrong)}.",
            "Finish requests on SIGTERM: a graceful timeout above the longest request, and a lifespan whose end is"
            " bounded.",
            **seen,
        )
    if not held:
        return inconclusive(
            f"It ended {ending.took_s:.1f} s after SIGTERM, but no request could be held open across it.",
            "Declare [[load.requests]] with a body, or with the part in needs that the request waits for.",
            took_s=seen["took_s"],
        )
    return passed(
        f"All {len(held)} requests in flight were answered after SIGTERM, and it had ended after"
        f" {ending.took_s:.1f} s (grace {ending.grace_s:g} s).",
        **seen,
    )


def _in_hand(item: Held) -> bool:
    """Accepted by a worker well before SIGTERM, and not answered before it."""
    return item.accepted_s is not None and item.accepted_s <= -ACCEPTED_S and item.done_s > 0


def _late(ending: Ending) -> str:
    if ending.killed:
        return f"it had to be killed after {ending.took_s:.1f} s (grace {ending.grace_s:g} s)"
    return f"it took {ending.took_s:.1f} s (grace {ending.grace_s:g} s)"


def _replaced(facts: Server) -> Told:
    replacing = facts.replacing
    if replacing is not None and not replacing.supervised:
        return not_applicable(
            "The one process has no supervisor of its own: whoever runs it must start it anew.", "target.workers = 2"
        )
    if replacing is None or not replacing.answered_after_s:
        return inconclusive(f"No worker could be killed: {facts.up or 'none was started'}")
    times = replacing.answered_after_s
    good = [after for after in times if 0 <= after <= REPLACED_S]
    if good:
        return passed(
            f"{min(good):.1f} s after a worker was killed a new one answered (limit {REPLACED_S:g} s).",
            answered_after_s=list(times),
        )
    late = [after for after in times if after >= 0]
    told = f"only after {min(late):.1f} s" if late else f"not at all within {replacing.waited_s:g} s"
    return failed(
        f"After a worker was killed a new one answered {told} (limit {REPLACED_S:g} s).",
        "Make the start short: no migration, no download, no wait for a dependency before the app serves. Granian"
        " replaces a dead worker with respawn_failed_workers only, Hypercorn never.",
        answered_after_s=list(times),
    )


def _bound(facts: Server) -> Told:
    asked = (facts.address, facts.port)
    if asked not in [(item.host, item.port) for item in facts.listening]:
        return inconclusive(f"None of its processes was seen to listen on {facts.address}:{facts.port}.")
    odd = [
        item for item in facts.listening if (item.host, item.port) != asked and item.port not in facts.ports_declared
    ]
    shown = [f"{item.host}:{item.port} ({item.process})" for item in odd]
    if odd:
        return failed(
            f"It listens where nobody asked it to: {', '.join(shown[:3])}. Asked for was"
            f" {facts.address}:{facts.port} alone.",
            "Take the debugger or second server out of the app, or bind what is asked for only; a port that must be"
            " there is declared in audit.ports.",
            listening=shown,
        )
    more = sorted({item.port for item in facts.listening if (item.host, item.port) != asked})
    extra = f" and on the declared {', '.join(map(str, more))}" if more else ""
    return passed(f"It listens on {facts.address}:{facts.port}{extra}, and nowhere else.", ports=[facts.port, *more])


_TRUST = "Name the proxies in forwarded_allow_ips (FORWARDED_ALLOW_IPS), one address or network each; never *."


def _forwarded(facts: Server) -> Told:
    seen = facts.forwarded
    trusted = facts.settings.trusted_proxies
    read = f"Read: forwarded_allow_ips is {', '.join(trusted) or 'empty'}."
    believed = [item for item in seen.redirects if _believes(item)]
    told: dict[str, object] = {"source": seen.source, "trusted_proxies": list(trusted), "answers": seen.answers}
    if seen.source_is_trusted and "*" not in trusted:
        return inconclusive(f"{read} So all addresses that we can ask from are trusted ones.")
    if believed or seen.echoed_on or seen.lines_forged:
        told |= {"example": seen.example} if seen.lines_forged else {}
        return failed(
            f"{seen.source} is no proxy, and what it forged is believed: {_belief(facts, believed)}. {read}",
            _TRUST,
            **told,
        )
    if "*" in trusted:
        return failed(f"{read} So anybody may say where a request comes from.", _TRUST, **told)
    kept = [item for item in seen.redirects if (item.plain, item.forged) == ("http", "http")]
    also = ""
    if seen.believed_from_trusted is not None:
        also = f" From 127.0.0.1, which is trusted, they are {'' if seen.believed_from_trusted else 'not '}believed."
    told |= {"redirects_kept": len(kept), "lines_with_true_address": seen.lines_true}
    if kept or seen.lines_true:
        how = []
        how += [f"{len(kept)} redirect{'s' * (len(kept) > 1)} kept http"] if kept else []
        how += [f"{seen.lines_true} log lines name the true address"] if seen.lines_true else []
        return passed(f"Forged headers of {seen.source} are not believed: {' and '.join(how)}.{also}", **told)
    if seen.answers < 1:
        return inconclusive("No request with forged headers was answered.")
    return passed(f"{read} Neither an answer nor a log line shows the contrary.{also}", **told)


def _believes(item: Redirect) -> bool:
    """`https` appears with the forged header alone, or a redirect to https is not given any more."""
    if item.plain == "https":
        return item.forged_status >= 0 and item.forged_status // 100 != 3
    return item.forged == "https"


def _belief(facts: Server, believed: list[Redirect]) -> str:
    seen = facts.forwarded
    if believed:
        return f"{believed[0].path} was answered as if it had come by https"
    if seen.echoed_on:
        return f"the answer of {seen.echoed_on[0]} shows the forged address"
    return f"{seen.lines_forged} log lines have the forged address as the client's"


def _cold_start(facts: Server) -> Told:
    start = facts.cold_start
    if start is None:
        return not_applicable("There is no database to start without.", "a part of kind postgres")
    told: dict[str, object] = {
        "exit_code": start.exit_code,
        "lived_after_s": round(start.lived_after_s, 1),
        "ready_after_s": round(start.ready_after_s, 1),
        "last_lines": list(start.last_lines),
    }
    advice = (
        "Open the pool without waiting for a connection (min_size=0, no query in the lifespan); let readiness tell."
    )
    if start.exit_code is not None:
        return failed(f"Started while the database refused, it ended with exit code {start.exit_code}.", advice, **told)
    if start.lived_after_s < 0:
        return failed(
            f"Started while the database refused, not every worker was alive within {start.waited_s:g} s.",
            advice,
            **told,
        )
    if start.said_ready and start.ready_needs:
        return failed(
            "Started while the database refused, it said that it was ready.",
            "Let readiness ask the database; or take it out of target.ready_needs where it is not needed.",
            **told,
        )
    if start.ready_after_s < 0:
        return failed(
            f"Started while the database refused, it was not ready within {start.waited_s:g} s after the database was"
            " there.",
            advice,
            **told,
        )
    between = "not ready" if start.ready_needs else "readiness does not need it"
    return passed(
        f"Started while the database refused it was alive after {start.lived_after_s:.1f} s ({between}), and ready"
        f" {start.ready_after_s:.1f} s after the database was there.",
        **told,
    )


CHECKS: tuple[Check[Server], ...] = (
    Check("workers-sized", "Are there no more workers than the CPUs can use?", _workers, essential=True),
    Check("timeouts-set", "Are heartbeat, graceful and keep-alive timeouts set?", _timeouts, essential=True),
    Check("graceful-shutdown", "Does SIGTERM finish what was begun, and end in time?", _shutdown, essential=True),
    Check("worker-replaced", "Is a worker that was killed replaced?", _replaced),
    Check("bound-right", "Does it listen on the address that was asked for alone?", _bound, essential=True),
    Check("forwarded-headers", "Are forwarded headers of strangers ignored?", _forwarded),
    Check("boots-without-database", "Does it start before its database?", _cold_start),
)
