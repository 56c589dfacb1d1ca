"""Runs the experiments of the rows that were asked for and writes down what they saw. It judges nothing."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from harness.audit.bench import Bench
from harness.audit.row import Row
from harness.campaign import run_facts
from harness.model.target import Target
from harness.record import write_log, write_manifest, write_row
from harness.rig import Rig
from harness.system.process import Spawner


class Watcher(Protocol):
    """Who wants to see an audit while it runs."""

    def say(self, text: str) -> None: ...
    def row_began(self, row: Row, index: int, total: int) -> None: ...
    def row_ended(self, row: Row, facts: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Audit:
    """What is asked: the rows, and where it is written."""

    target: Target
    rows: Sequence[Row]
    run_dir: Path
    command: Sequence[str]


async def run_audit(audit: Audit, spawner: Spawner, watcher: Watcher) -> None:
    """Each row in turn, on one rig. The record of a row is whole or not there."""
    began = time.monotonic()
    facts = {"kind": "audit", **run_facts(audit.target, audit.command), "rows": [row.name for row in audit.rows]}
    write_manifest(audit.run_dir, facts)
    async with Rig(audit.target, spawner, watcher.say) as rig, Bench(rig) as bench:
        try:
            for index, row in enumerate(audit.rows, 1):
                watcher.row_began(row, index, len(audit.rows))
                seen = TypeAdapter(row.facts).dump_python(await row.observe(bench), mode="json")
                write_row(audit.run_dir, row.name, seen)
                watcher.row_ended(row, seen)
                rig.check_alive()
                await bench.mend()
        finally:
            for name, path in bench.logs().items():
                write_log(audit.run_dir, name, bench.secrets.redact(path.read_text("utf-8", "replace")))
    write_manifest(audit.run_dir, {**facts, "wall_s": round(time.monotonic() - began, 1)})
