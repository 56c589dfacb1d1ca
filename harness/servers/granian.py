"""Granian: Rust in front of Python, with a supervisor above any number of workers.

Each worker listens on a socket of its own, so that one that stands still goes on being handed its share of the new
connections. Nobody asks a worker whether it lives, and one that dies takes the whole server with it, unless
`respawn_failed_workers` is set.
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
    ("worker-died", re.compile(r"Unexpected exit from worker-\d+")),
    ("worker-killed", re.compile(r"Killing (?:old )?worker-\d+ after it refused to gracefully stop")),
    ("worker-exit", re.compile(r"Stopped (?:old )?worker-\d+")),
    ("boot-failed", re.compile(r"ASGI lifespan startup failed|Worker crash loop detected")),
)


_SHARE = "each worker listens on a socket of its own, and one that stands still goes on being handed new connections"
_OF_AN_END = ("readiness-flips", "recovers", "no-stuck-workers", "graceful-shutdown", "error-budget", "latency-slo")
_LIMITS = (
    *(
        KnownLimit(
            fault=fault,
            checks=("readiness-flips", "readiness-bounded"),
            shows="share",
            says=_SHARE,
            versions="granian ~=2.8.9",
            source=source,
            advice="No setting of Granian helps: start one worker in each replica, and let something outside ask it for"
            " its liveness.",
        )
        for fault, source in (("worker.block-loop", "F03"), ("worker.hold-gil", "F04"), ("worker.freeze", "F05"))
    ),
    KnownLimit(
        fault="worker.kill",
        checks=_OF_AN_END,
        shows="end",
        says="one worker that dies ends the whole server, unless respawn_failed_workers is set",
        versions="granian ~=2.8.9",
        source="F08",
        unless="--respawn-failed-workers",
        advice="Set respawn_failed_workers = true in [target.granian], and --respawn-failed-workers where it is"
        " deployed.",
    ),
    KnownLimit(
        fault="server.kill",
        checks=("no-orphans",),
        shows="orphans",
        says="workers outlive a supervisor that was killed, and hold the port",
        versions="granian ~=2.8.9",
        source="F09",
        most=1,
    ),
)


def argv(target: Target, host: str, port: int, workers: int, flags: Sequence[str]) -> list[str]:
    bind = ["--host", host, "--port", str(port), "--workers", str(workers)]
    return [str(target.python), "-m", "granian", *flags, *bind, target.app]


def note(line: str) -> Note | None:
    return read_line(line, _LINES)


def is_worker(command: str) -> bool:
    """Forks keep the command line of the supervisor, spawned ones have multiprocessing's."""
    return not is_helper(command)


def settings(answer: Mapping[str, Any], workers: int) -> ServerSettings:
    """Connections that are kept alive have no limit, and workers are not recycled by requests."""
    grace = answer["workers_kill_timeout"]
    return ServerSettings(
        stuck_timeout_s=None,
        graceful_s=None if grace is None else float(grace),
        keepalive_s=None if answer["http1_keep_alive"] else 0.0,
        max_requests=0,
        version=f"granian {answer['versions']['granian']} ({answer['interface']})",
    )


SERVER = Server(
    id="granian",
    table="granian",
    install="granian",
    ours={
        "host": "the harness chooses the address",
        "port": "the harness chooses the address",
        "uds": "the harness chooses the address",
        "workers": "it is target.workers",
        "working_dir": "it is the folder of the target file",
        "reload": "it restarts workers on its own",
        "version": "the server would not start",
    },
    question=Path(__file__).with_name("ask_granian.py").read_text(encoding="utf-8"),
    argv=argv,
    supervised=lambda workers: True,
    is_worker=is_worker,
    note=note,
    settings=settings,
    takes=("sighup",),
    known_limits=_LIMITS,
)
