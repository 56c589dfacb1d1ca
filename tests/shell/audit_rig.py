"""The audit as a user runs it: the real command in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
APPS = ROOT / "tests" / "bad_apps"
AUDIT_S = 240.0
TRIES = 3


@dataclass(frozen=True)
class Audited:
    """What the command said at its end."""

    code: int
    document: dict[str, Any]
    err: str

    @property
    def run_dir(self) -> Path:
        return Path(self.document["run_dir"])

    def findings(self, row: str) -> dict[str, dict[str, Any]]:
        return next({c["check"]: c for c in each["checks"]} for each in self.document["rows"] if each["row"] == row)

    def by_verdict(self, row: str, verdict: str) -> set[str]:
        return {name for name, finding in self.findings(row).items() if finding["verdict"] == verdict}

    def failed(self, row: str) -> set[str]:
        return self.by_verdict(row, "fail")

    def told(self) -> str:
        """Every sentence, for a failing test."""
        rows = self.document.get("rows", [])
        lines = [f"{r['row']} {c['verdict']} {c['check']}: {c['why']}" for r in rows for c in r["checks"]]
        return "\n".join([f"exit {self.code}", *lines, self.err[-2000:]])


def undeclared(folder: Path, *, setup: bool) -> Path:
    """A target file in `folder` that tells of the healthy twin no more than it must."""
    shutil.copy(APPS / "bookings.py", folder)
    target = folder / "target.toml"
    target.write_text(
        '[target]\napp = "bookings:app"\nlive = "/livez"\nready = "/readyz"\n'
        + ('setup = ["python bookings.py"]\n' if setup else "")
        + '[target.env]\nPG_DSN = "{db.url}"\n[parts.db]\nkind = "postgres"\n'
    )
    return target


def audit(
    *rows: str, target: Path | None = None, words: tuple[str, ...] = (), env: Mapping[str, str] | None = None
) -> Audited:
    """`shakedown audit --row …`; of the reference API where no target is named.

    A machine that others keep busy is not the app's fault, and the audit says so: then it is asked again.
    """
    for _ in range(TRIES):
        told = _audit(*rows, target=target, words=words, env=env)
        if "the machine was not fit" not in told.told():
            break
        if "--out" in words:
            shutil.rmtree(words[words.index("--out") + 1])
    return told


def _audit(*rows: str, target: Path | None, words: tuple[str, ...], env: Mapping[str, str] | None) -> Audited:
    command = [sys.executable, "-m", "harness.cli.main", "audit", "--json", "--quiet"]
    command += [word for row in rows for word in ("--row", row)]
    command += ["--target", str(target or ROOT / "reference.toml"), *words]
    ended = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=AUDIT_S,
        check=False,
    )
    assert ended.stdout.count("\n") == 1, ended.stdout + ended.stderr
    return Audited(ended.returncode, json.loads(ended.stdout), ended.stderr)
