"""What to set, to which value and why: for the advice of a verdict that failed, by driver and by server.

The values are in proportion to the target's own deadline, `slo.deadline_s`. With 10 s: 2 s to connect, 1 s to acquire a
connection, 3 s for a command, whose cancel may cost as much again (F37), so that all of it is over after 7 s; 2.5 s for
the statement at the server, which then ends it first; 30 s for a supervisor, to whom a heartbeat may come as rarely as
every half of that, and none while a worker that is recycled finishes a request (F02, F23).
"""

from __future__ import annotations

from harness.model.observation import ServerStopped
from harness.model.record import TrialRecord
from harness.model.trial import Trial

_SUPERVISORS = {
    "gunicorn-uvicorn": "gunicorn.timeout",
    "gunicorn-asgi": "gunicorn.timeout",
    "uvicorn": "uvicorn.timeout_worker_healthcheck",
}
_GRACES = {
    "gunicorn-uvicorn": "gunicorn.graceful_timeout",
    "gunicorn-asgi": "gunicorn.graceful_timeout",
    "uvicorn": "uvicorn.timeout_graceful_shutdown",
    "granian": "granian.workers_kill_timeout",
    "hypercorn": "hypercorn.graceful_timeout",
}


def connect_s(trial: Trial) -> float:
    return trial.slo.deadline_s / 5


def acquire_s(trial: Trial) -> float:
    return trial.slo.deadline_s / 10


def call_s(trial: Trial) -> float:
    """For one command, or one call of an HTTP part."""
    return trial.slo.deadline_s * 3 / 10


def statement_s(trial: Trial) -> float:
    """For the database itself, which then ends a statement before the driver gives it up."""
    return trial.slo.deadline_s / 4


def supervisor_s(trial: Trial) -> float:
    return trial.slo.deadline_s * 3


def told(seconds: float) -> str:
    return f"{seconds:.3g} s"


def bounds(trial: Trial) -> str:
    """The timeouts of the drivers of what the target has."""
    kinds, call = set(trial.part_kinds.values()), call_s(trial)
    found: list[str] = []
    if "postgres" in kinds:
        found.append(
            f"asyncpg.create_pool(timeout={connect_s(trial):.3g}, command_timeout={call:.3g}),"
            f" pool.acquire(timeout={acquire_s(trial):.3g}) or SQLAlchemy's pool_timeout={acquire_s(trial):.3g}"
        )
    if "http" in kinds:
        found.append(f"httpx.Timeout({call:.3g}, pool={acquire_s(trial):.3g})")
    return ", ".join(found) or f"a timeout of {told(call)} for each call"


def starts_without_parts(trial: Trial) -> str:
    """For a service that an outage keeps from starting."""
    return (
        f'start without it{_lazy_pool(trial)}, say "not ready", and put asyncio.timeout({trial.slo.deadline_s:g})'
        " around the lifespan's start, for no server bounds it"
    )


def _lazy_pool(trial: Trial) -> str:
    """A pool that connects at the first request."""
    if "postgres" not in trial.part_kinds.values():
        return ""
    return f" (asyncpg.create_pool(min_size=0, timeout={connect_s(trial):.3g}))"


def ended_by_itself(record: TrialRecord) -> str:
    """What keeps a server up: where it ended before it was asked to, nothing else is worth a word. Empty elsewhere."""
    if not any(seen.ended_by == "itself" for seen in record.of(ServerStopped)):
        return ""
    return (
        "Read at the end of its log why the server ended: no exit of the app's own may take the supervisor with it, and"
        f" a worker has to start without its parts{_lazy_pool(record.trial)}. Let whatever runs it start it again,"
        " also after exit code 0 (systemd: Restart=always, Kubernetes: restartPolicy: Always)."
    )


def patient_supervisor(trial: Trial) -> str:
    """The timeout of a supervisor that ended busy workers; empty where it has none, or one that is long enough."""
    name, now_s, least_s = _SUPERVISORS.get(trial.server), trial.server_settings.stuck_timeout_s, supervisor_s(trial)
    if name is None or now_s is None or now_s >= least_s:
        return ""
    why = "a worker may be too busy to answer its supervisor for as long as its longest request takes"
    if trial.server.startswith("gunicorn"):
        why = "a stall of half of it may be ended already, and so is a long request of a worker that is recycled"
    return f"Set {name} to {least_s:g} (now {now_s:g}), three times slo.deadline_s: {why}."


def watchful_supervisor(trial: Trial) -> str:
    """What replaces a worker that was hurt: dead ones at once, silent ones after the supervisor's timeout."""
    name, now_s, enough_s = _SUPERVISORS.get(trial.server), trial.server_settings.stuck_timeout_s, supervisor_s(trial)
    if name is not None and now_s is not None:
        return (
            f"A dead worker is replaced at once, a silent one after {name} (here {now_s:g} s), so what is late is the"
            f" start of the new one. If that needs a part, {starts_without_parts(trial)}."
        )
    if name is not None:
        return (
            f"Set {name} to {enough_s:g}, three times slo.deadline_s: this server has no such timeout now, so nothing"
            " replaces a silent worker."
        )
    dead = "Set granian.respawn_failed_workers = true for dead workers. " if trial.server == "granian" else ""
    return (
        f"{dead}This server has no timeout for silent workers: use Gunicorn with timeout = {enough_s:g}, three times"
        " slo.deadline_s, or let something outside ask each worker and end it."
    )


def grace(trial: Trial) -> str:
    """The name of the server's graceful timeout, with its value where it has one."""
    name, now_s = _GRACES.get(trial.server, "the graceful timeout"), trial.server_settings.graceful_s
    return f"{name} (none now)" if now_s is None else f"{name} ({now_s:g} s)"
