"""A record is judged again to the same bytes: copied, elsewhere, without the app, the parts or the first directory.

tests/data/short-run is the record of a short trial as it was written, without its logs; beside it lies what its judging
said. A rule that changes on purpose changes that too: SHAKEDOWN_UPDATE=1 writes it anew, and the diff is to be read.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ends_rig import SCENARIO

pytestmark = pytest.mark.real

APPS = Path(__file__).parents[1] / "bad_apps"
RECORD = Path(__file__).parents[1] / "data" / "short-run"
GOLDEN = RECORD.with_name("short-run.trials.json")
# Of no use to a reader of records, so that it cannot be what makes the bytes the same.
BARE = {"PATH": "/nowhere", "HOME": "/nowhere", "TZ": "Pacific/Auckland", "LC_ALL": "C", "PYTHONHASHSEED": "random"}


def shakedown(*words: str, cwd: Path, env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    words = (sys.executable, "-m", "harness.cli.main", *words)
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def trials(document: str) -> str:
    """The bytes of `trials`, cut out of the text: reading and writing it again would hide a difference."""
    assert document.count("\n") == 1
    _, _, rest = document.partition('"trials": ')
    assert json.loads(document)["trials"]
    return rest.rstrip("\n").removesuffix("}")


def test_a_copy_is_judged_to_the_same_bytes_without_the_app(tmp_path: Path) -> None:
    app, first, copy = tmp_path / "app", tmp_path / "first", tmp_path / "elsewhere" / "copy"
    app.mkdir()
    shutil.copy(APPS / "sound.py", app)
    (app / "tickets.py").write_text("from sound import make_app\n\napp = make_app()\n")
    (app / "shakedown.toml").write_text((APPS / "never_starts.toml").read_text().replace("never_starts:", "tickets:"))
    (app / "short.py").write_text(SCENARIO)
    env = {**os.environ, "SHAKEDOWN_STATE": str(tmp_path / "state")}
    ran = shakedown("run", "short.py", "--out", str(first), "--json", "--quiet", cwd=app, env=env)
    assert ran.stdout.count("\n") == 1, ran.stderr
    assert len(json.loads(ran.stdout)["trials"][0]["verdicts"]) > 10
    shutil.copytree(first, copy)
    shutil.rmtree(first)
    shutil.rmtree(app)
    (copy / "verdict.json").unlink()
    judged = shakedown("judge", "copy", "--json", cwd=copy.parent, env=BARE)
    assert judged.stderr == ""
    assert judged.returncode == ran.returncode
    assert trials(judged.stdout) == trials(ran.stdout)
    (copy / "report.html").write_text("")
    reported = shakedown("report", str(copy), cwd=Path("/"), env=BARE)
    assert (reported.returncode, reported.stdout) == (0, f"{copy}/report.html\n")
    page = (copy / "report.html").read_text()
    assert "</html>" in page
    assert all(each["check"] in page for each in json.loads(judged.stdout)["trials"][0]["verdicts"])


def test_a_record_that_is_kept_is_judged_as_it_ever_was(tmp_path: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    judged = shakedown("judge", str(tmp_path / "run"), "--json", cwd=tmp_path, env=BARE)
    assert (judged.returncode, judged.stderr) == (0, "")
    told = json.dumps(json.loads(judged.stdout)["trials"], indent=1) + "\n"
    if os.environ.get("SHAKEDOWN_UPDATE") == "1":
        GOLDEN.write_text(told)
    assert told == GOLDEN.read_text()
    again = shakedown("judge", str(tmp_path / "run"), "--json", cwd=Path("/"), env=BARE)
    assert again.stdout == judged.stdout


def test_judging_writes_nothing(tmp_path: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    shakedown("judge", "run", "--json", cwd=tmp_path, env=BARE)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
