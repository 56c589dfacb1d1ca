"""The directory of an audit: no secret in any byte of it, and judged again to the same without the app."""

import contextlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from audit_rig import APPS, Asked, Audited

pytestmark = pytest.mark.real

BARE = {"PATH": "/nowhere", "HOME": "/nowhere", "LC_ALL": "C", "PYTHONHASHSEED": "random"}
CANARY = re.compile(r"sdc[0-9a-f]{24}")
PASSWORD = re.compile(r"postgres(?:ql)?://[^\s:/]+:([^\s@]+)@")


def shakedown(*words: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "harness.cli.main", *words]
    return subprocess.run(command, cwd=cwd, env=BARE, capture_output=True, text=True, timeout=60, check=False)


def everything(folder: Path) -> str:
    return "\n".join(path.read_text("utf-8", "replace") for path in sorted(folder.rglob("*")) if path.is_file())


KEY = secrets.token_urlsafe(24)
CHATTY = Asked(
    "monitoring",
    "testing",
    target=APPS / "chatty.toml",
    words=("--junit", "{folder}/junit.xml"),
    env={"TICKETS_API_KEY": KEY},
)


@pytest.mark.parametrize("audited", [CHATTY], indirect=True, ids=["chatty"])
def test_no_secret_is_in_the_directory_of_an_app_that_logs_them_all(audited: Audited) -> None:
    assert audited.code in (1, 2), audited.told()
    logs = everything(audited.run_dir / "logs")
    # They were there to be found.
    for name in ("TICKETS_API_KEY", "password of postgres", "canary in cookie", "canary in query", "canary in body"):
        assert f"‹{name}›" in logs, name
    assert (audited.run_dir.parent / "junit.xml").is_file()
    for text in (everything(audited.run_dir.parent), json.dumps(audited.document), audited.err):
        assert KEY not in text
        assert not CANARY.search(text)
        assert set(PASSWORD.findall(text)) <= {"‹password of postgres›"}


def test_an_audit_is_judged_again_elsewhere_and_a_cut_row_is_inconclusive(
    reference_audit: Audited, tmp_path: Path
) -> None:
    told, copy = reference_audit, tmp_path / "elsewhere" / "copy"
    with away(told.run_dir) as first:
        shutil.copytree(first, copy)
        is_judged_again(told, copy)


@contextlib.contextmanager
def away(folder: Path) -> Iterator[Path]:
    """It lies elsewhere meanwhile: nothing can be read where it was."""
    aside = folder.rename(folder.with_name("aside"))
    try:
        yield aside
    finally:
        aside.rename(folder)


def is_judged_again(told: Audited, copy: Path) -> None:
    judged = shakedown("judge", "copy", "--json", "--junit", "j.xml", cwd=copy.parent)
    assert (judged.returncode, judged.stderr) == (told.code, "")
    assert json.loads(judged.stdout)["rows"] == told.document["rows"]
    assert "testsuites" in (copy.parent / "j.xml").read_text()
    (copy / "report.html").write_text("")
    reported = shakedown("report", str(copy), cwd=Path("/"))
    assert (reported.returncode, reported.stdout) == (0, f"{copy}/report.html\n")
    assert 'id="row-testing"' in (copy / "report.html").read_text("utf-8")
    os.truncate(copy / "rows" / "testing.json", 40)
    cut = shakedown("judge", str(copy), "--json", cwd=Path("/"))
    assert cut.returncode == 2
    rows = {row["row"]: row["verdict"] for row in json.loads(cut.stdout)["rows"]}
    assert rows == {row["row"]: row["verdict"] for row in told.document["rows"]} | {"testing": "inconclusive"}
