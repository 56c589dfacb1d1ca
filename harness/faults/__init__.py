"""What can be broken. A new fault is one file with a `FAULT` and one line here."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from harness.errors import UsageError
from harness.faults import (
    accept_then_hang,
    bandwidth,
    blackhole,
    block_loop,
    boot_without_postgres,
    burst,
    cpu,
    cpu_quota,
    cut_after,
    disconnect,
    error,
    flap,
    freeze,
    half_open,
    hang,
    hold_gil,
    idle,
    keep_alive,
    kill,
    latency,
    malformed,
    migrate_twice,
    oversized,
    postgres_exhaust,
    postgres_freeze,
    postgres_full_disk,
    postgres_kill,
    postgres_lock,
    postgres_read_only,
    postgres_restart,
    postgres_slow,
    postgres_terminate,
    recycle,
    refuse,
    reload_broken,
    reset,
    restart,
    scale_down,
    scale_up,
    server_kill,
    sighup,
    sigterm,
    slice,
    slow,
    slow_reader,
    slow_sender,
    trickle,
    worker_memory,
    worker_pool,
    worker_threads,
    wrong_body,
)
from harness.faults.fault import FaultSpec
from harness.faults.other_words import OTHER_WORDS
from harness.model.scenario import FaultUse

FAULTS: tuple[FaultSpec, ...] = (
    latency.FAULT,
    blackhole.FAULT,
    refuse.FAULT,
    bandwidth.FAULT,
    slice.FAULT,
    reset.FAULT,
    cut_after.FAULT,
    flap.FAULT,
    accept_then_hang.FAULT,
    half_open.FAULT,
    slow.FAULT,
    error.FAULT,
    hang.FAULT,
    wrong_body.FAULT,
    trickle.FAULT,
    postgres_terminate.FAULT,
    postgres_lock.FAULT,
    postgres_exhaust.FAULT,
    postgres_read_only.FAULT,
    postgres_slow.FAULT,
    postgres_freeze.FAULT,
    postgres_restart.FAULT,
    postgres_kill.FAULT,
    postgres_full_disk.FAULT,
    freeze.FAULT,
    kill.FAULT,
    block_loop.FAULT,
    hold_gil.FAULT,
    cpu.FAULT,
    cpu_quota.FAULT,
    worker_pool.FAULT,
    worker_threads.FAULT,
    worker_memory.FAULT,
    sigterm.FAULT,
    server_kill.FAULT,
    sighup.FAULT,
    scale_up.FAULT,
    scale_down.FAULT,
    restart.FAULT,
    boot_without_postgres.FAULT,
    reload_broken.FAULT,
    migrate_twice.FAULT,
    recycle.FAULT,
    slow_reader.FAULT,
    slow_sender.FAULT,
    disconnect.FAULT,
    burst.FAULT,
    oversized.FAULT,
    malformed.FAULT,
    idle.FAULT,
    keep_alive.FAULT,
)


def unable(uses: Iterable[FaultUse]) -> dict[str, str]:
    """Why this machine cannot do some of these faults, by kind and name (`worker.block-loop`). Each is tried once."""
    names = {use.name for use in uses}
    ways = {spec.unable for spec in FAULTS if spec.unable and spec.name in names}
    tried = {way: way() for way in ways}
    found = {f"{spec.on}.{spec.name}": tried.get(spec.unable, "") for spec in FAULTS if spec.unable}
    return {name: why for name, why in found.items() if why}


def _kind(what: str, part_kind: str | None) -> tuple[str, ...]:
    """Which kinds of fault the first half of an id can take; a part can be called anything, so its kind is told."""
    if part_kind is not None:
        return ("link", part_kind)
    if what in ("worker", "server", "client"):
        return (what,)
    return {"ingress": ("link",), "postgres": ("link", "postgres")}.get(what, ("link", "http", "postgres"))


def _hint(use: FaultUse, known: list[str]) -> str:
    """What was perhaps meant: a fault that goes by another word elsewhere, or one that is spelt alike."""
    also = (meant for meant in OTHER_WORDS.get(use.name.replace("_", "-"), ()) if meant.split(" ")[0] in known)
    near = next(also, None) or next(iter(difflib.get_close_matches(use.name, known, 1)), None)
    return f" Did you mean {use.what}.{near}?" if near else ""


def spec_of(use: FaultUse, part_kind: str | None = None) -> FaultSpec:
    """The spec that an id names, its parameters checked; UsageError with what is accepted.

    `part_kind` of the part that is hurt, where it is one: two kinds may have a fault of the same name.
    """
    kinds = _kind(use.what, part_kind)
    for spec in FAULTS:
        if spec.name == use.name and spec.on in kinds:
            spec.check(use)
            return spec
    known = [spec.name for spec in FAULTS if spec.on in kinds]
    hint = _hint(use, known)
    raise UsageError(f"There is no fault {use.id!r}.{hint} {use.what} takes: {', '.join(known)}.")
