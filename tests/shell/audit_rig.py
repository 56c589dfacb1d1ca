"""The audit as a user runs it: the real command in a process of its own.

A test asks for one by parametrizing the fixture `audited`; all that are asked for are run two beside each other, ahead
of the tests that read them:

    @pytest.mark.parametrize("audited", [Asked("cors", target=APPS / "pages.toml")], indirect=True, ids=str)
    def test_…(audited: Audited) -> None: …

Or it reads one that many read (`SHARED`, by the name of the fixture).
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from beside import Run

ROOT = Path(__file__).parents[2]
APPS = ROOT / "tests" / "bad_apps"
REFERENCE = ROOT / "reference.toml"
AUDIT_S = 240.0
UNFIT = "the machine was not fit"


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


class Asked:
    """An audit: its rows (none: all), of which target, and what else is typed, where `{folder}` is a folder of its own.

    `made` makes the target in that folder; `env` is added to ours.
    """

    def __init__(
        self,
        *rows: str,
        target: Path = REFERENCE,
        made: Callable[[Path], Path] | None = None,
        words: tuple[str, ...] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.rows, self.target, self.made, self.words, self.env = rows, target, made, words, env or {}

    def __str__(self) -> str:
        return " ".join([*self.rows, self.target.stem, *(word for word in self.words if not word.startswith("--"))])

    def run(self, folder: Path) -> Run[Audited]:
        """A machine that others keep busy is not the app's fault, and the audit says so: then it is asked again."""
        folder.mkdir()
        target = self.target if self.made is None else self.made(folder)
        words = [word for row in self.rows for word in ("--row", row)]
        words += [word.replace("{folder}", str(folder)) for word in self.words]
        out = folder / "run"

        def once(number: int) -> Audited:
            if number:
                shutil.rmtree(out)
            return audit(*words, "--target", str(target), "--out", str(out), env=self.env)

        return Run(once, lambda told: UNFIT in told.told())


SHARED = {
    # Many tests read these: all rows of the reference API, and of a healthy app that is quite another,
    "reference_audit": Asked(),
    "twin_audit": Asked(target=APPS / "bookings.toml"),
    # and three rows of an app that three of them accuse.
    "static_audit": Asked("health", "configuration", target=APPS / "static_readiness.toml"),
}


def asked_by(items: Iterable[pytest.Item]) -> list[Asked]:
    """What these tests read, each once: first what takes long, then in the order of the tests."""
    found: dict[Asked, None] = {}
    for item in items:
        call = getattr(item, "callspec", None)
        value = None if call is None else call.params.get("audited")
        names = [value, *getattr(item, "fixturenames", ())]
        found |= dict.fromkeys(SHARED[name] for name in names if name in SHARED)
        if isinstance(value, Asked):
            found[value] = None
    return sorted(found, key=lambda asked: asked not in SHARED.values())


def audit(*words: str, env: Mapping[str, str]) -> Audited:
    """`shakedown audit …`, once."""
    ended = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "audit", "--json", "--quiet", *words],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=AUDIT_S,
        check=False,
    )
    assert ended.stdout.count("\n") == 1, ended.stdout + ended.stderr
    return Audited(ended.returncode, json.loads(ended.stdout), ended.stderr)
