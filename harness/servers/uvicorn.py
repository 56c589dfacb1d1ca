"""Uvicorn with its own supervisor: from two workers on. A single worker has none, the process itself serves.

Its supervisor asks each worker over a pipe whether it lives; a thread answers, so that it does not see a blocked loop.
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
    ("worker-died", re.compile(r"Child process \[(\d+)\] died")),
    ("boot-failed", re.compile(r"Child process \[(\d+)\] failed to start")),
    ("boot-failed", re.compile(r"Application startup failed\. Exiting|Error loading ASGI app")),
    ("worker-exit", re.compile(r"Finished server process \[(\d+)\]")),
)

_LIMITS = (
    KnownLimit(
        fault="worker.block-loop",
        checks=("recovers",),
        shows="unseen",
        says="the supervisor is answered by another thread of the worker, and does not see a blocked event loop",
        versions="uvicorn ~=0.54.0",
        source="F03",
    ),
    KnownLimit(
        fault="server.sighup",
        checks=("error-budget",),
        shows="lost",
        says="a worker that ends resets the connections that it has accepted and not yet read",
        versions="uvicorn ~=0.54.0",
        source="F28",
        most=5,
    ),
    KnownLimit(
        fault="server.kill",
        checks=("no-orphans",),
        shows="orphans",
        says="workers outlive a supervisor that was killed, and hold the port",
        versions="uvicorn ~=0.54.0",
        source="F09",
        most=2,
    ),
)


def argv(target: Target, host: str, port: int, workers: int, flags: Sequence[str]) -> list[str]:
    bind = ["--host", host, "--port", str(port), "--workers", str(workers)]
    return [str(target.python), "-m", "uvicorn", *flags, *bind, target.app]


def note(line: str) -> Note | None:
    return read_line(line, _LINES)


def is_worker(command: str) -> bool:
    """Workers are spawned, not forked: their command line is multiprocessing's."""
    return "spawn_main" in command and not is_helper(command)


def supervised(workers: int) -> bool:
    return workers > 1


def settings(answer: Mapping[str, Any], workers: int) -> ServerSettings:
    graceful = answer["timeout_graceful_shutdown"]
    return ServerSettings(
        stuck_timeout_s=float(answer["timeout_worker_healthcheck"]) if supervised(workers) else None,
        graceful_s=None if graceful is None else float(graceful),
        keepalive_s=float(answer["timeout_keep_alive"]),
        max_requests=int(answer["limit_max_requests"] or 0),
        version=f"uvicorn {answer['versions']['uvicorn']}",
    )


SERVER = Server(
    id="uvicorn",
    table="uvicorn",
    install="uvicorn",
    ours={
        "host": "the harness chooses the address",
        "port": "the harness chooses the address",
        "uds": "the harness chooses the address",
        "fd": "the harness chooses the address",
        "workers": "it is target.workers",
        "reload": "it restarts workers on its own",
        "version": "the server would not start",
    },
    question=Path(__file__).with_name("ask_uvicorn.py").read_text(encoding="utf-8"),
    argv=argv,
    supervised=supervised,
    is_worker=is_worker,
    note=note,
    settings=settings,
    takes=("sighup", "scale-up", "scale-down"),
    known_limits=_LIMITS,
)
