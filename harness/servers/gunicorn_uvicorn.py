"""Gunicorn as the supervisor of Uvicorn workers.

`timeout` is no limit of a request: it is the age of a worker's heartbeat at which the supervisor kills it. The control
socket is always off: by default all Gunicorns of a user share one file, and the second takes it from the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.model.known_limit import KnownLimit
from harness.model.target import Target
from harness.model.trial import ServerSettings
from harness.servers.server import Note, Server, is_helper, read_line

_LINES = (
    ("worker-timeout", re.compile(r"WORKER TIMEOUT \(pid:(\d+)\)")),
    ("worker-killed", re.compile(r"Worker \(pid:(\d+)\) was sent (?:SIGKILL|SIGABRT)!")),
    ("worker-exit", re.compile(r"Worker \(pid:(\d+)\) exited with code")),
    ("worker-exit", re.compile(r"Worker exiting \(pid: (\d+)\)")),
    ("boot-failed", re.compile(r"Worker failed to boot|App failed to load|Exception in worker process")),
    ("boot-failed", re.compile(r"Application startup failed\. Exiting")),
)

SILENT_RELOAD = KnownLimit(
    fault="server.sighup",
    checks=("latency-slo", "readiness-flips", "readiness-bounded", "liveness-holds"),
    shows="silence",
    says="a reload ends the old workers without waiting until the new ones can answer",
    versions="gunicorn ~=27.0.0",
    source="F28",
)

_LIMITS = (
    SILENT_RELOAD,
    KnownLimit(
        fault="server.sighup",
        checks=("error-budget",),
        shows="lost",
        says="a worker that ends resets the connections that it has accepted and not yet read",
        versions="gunicorn ~=27.0.0 with uvicorn ~=0.54.0",
        source="F28",
        most=5,
    ),
    KnownLimit(
        fault="server.reload-broken",
        checks=("survives-bad-reload",),
        shows="away",
        says="new workers that cannot start end the whole server, the old workers too",
        versions="gunicorn ~=27.0.0",
        source="F29",
    ),
    KnownLimit(
        fault="server.kill",
        checks=("no-orphans",),
        shows="orphans",
        says="workers outlive a supervisor that was killed, and hold the port",
        versions="gunicorn ~=27.0.0 with uvicorn ~=0.54.0",
        source="F09",
        most=1,
    ),
)


def argv(target: Target, host: str, port: int, workers: int, flags: Sequence[str]) -> list[str]:
    bind = ["--bind", f"{host}:{port}", "--workers", str(workers)]
    return [str(target.python), "-m", "gunicorn", *flags, *bind, target.app]


def note(line: str) -> Note | None:
    return read_line(line, _LINES)


def is_worker(command: str) -> bool:
    """Workers are forks: they keep the command line, or `setproctitle` renames them. The dirty arbiter is none."""
    return not is_helper(command) and "dirty" not in command


def settings(answer: Mapping[str, Any], workers: int) -> ServerSettings:
    versions = answer["versions"]
    uvicorn = f", uvicorn {versions['uvicorn']}" if "uvicorn" in versions else ""
    return ServerSettings(
        stuck_timeout_s=float(answer["timeout"]) or None,
        graceful_s=float(answer["graceful_timeout"]),
        keepalive_s=float(answer["keepalive"]),
        max_requests=int(answer["max_requests"]),
        version=f"gunicorn {versions['gunicorn']} ({answer['worker_class']}){uvicorn}",
    )


SERVER = Server(
    id="gunicorn-uvicorn",
    table="gunicorn",
    install="gunicorn and uvicorn-worker",
    ours={
        "bind": "the harness chooses the address",
        "workers": "it is target.workers",
        "wsgi_app": "it is target.app",
        "daemon": "the harness must see the server end",
        "check_config": "the server would not start",
        "print_config": "the server would not start",
        "paste": "it is target.app",
        "control_socket": "it is always off",
        "control_socket_mode": "it is always off",
        "control_socket_disable": "it is always off",
        "reload": "it restarts workers on its own",
    },
    question=Path(__file__).with_name("ask_gunicorn.py").read_text(encoding="utf-8"),
    argv=argv,
    supervised=lambda workers: True,
    is_worker=is_worker,
    note=note,
    settings=settings,
    takes=("sighup", "scale-up", "scale-down", "recycle"),
    known_limits=_LIMITS,
)
