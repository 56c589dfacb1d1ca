"""Bad input gives one paragraph and its own exit code, never a traceback, and leaves nothing behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.system.proc import has_mark

pytestmark = pytest.mark.real

APPS = Path(__file__).parents[1] / "bad_apps"
RECORD = Path(__file__).parents[1] / "data" / "short-run"
ROW_BYTES = 56
TARGET = (APPS / "never_starts.toml").read_text()


@dataclass(frozen=True)
class Case:
    """`files` are written into an empty folder in which the command is started; `says` are words of its paragraph."""

    name: str
    words: str
    code: int
    says: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


def target(old: str, new: str) -> dict[str, str]:
    assert old in TARGET
    return {"shakedown.toml": TARGET.replace(old, new)}


CASES = (
    Case("unknown-scenario", "run db-refusd", 64, ("'db-refusd'", "Did you mean db-refused?")),
    Case("unknown-option", "run baseline --workrs 2", 64, ("--workrs", "--help")),
    Case("unknown-verb", "frobnicate", 64, ("'frobnicate'", "--help")),
    Case("no-workers", "run baseline --workers 0", 64, ("--workers", "1 or more")),
    Case("workers-no-number", "run baseline --workers two", 64, ("--workers", "integer")),
    Case("no-name", "run", 64, ("NAME",)),
    Case("set-without-value", "run baseline --set workers", 64, ("--set", "KEY=VALUE")),
    Case("no-such-scenario-file", "run nope.py", 64, ("nope.py", "SCENARIO")),
    Case("scenario-file-raises", "run s.py", 64, ("s.py", "ZeroDivisionError"), {"s.py": "1 / 0"}),
    Case("scenario-file-exits", "run s.py", 64, ("s.py", "SystemExit"), {"s.py": "raise SystemExit(0)"}),
    Case("scenario-file-is-empty", "run s.py", 64, ("s.py", "SCENARIO"), {"s.py": ""}),
    Case("no-such-target", "run baseline --target t.toml", 64, ("t.toml", "does not exist")),
    Case("target-is-no-toml", "run baseline", 64, ("shakedown.toml", "line 1"), {"shakedown.toml": "[target\n"}),
    Case("target-unknown-key", "run baseline", 64, ("target.port",), target("[target]", "[target]\nport = 1")),
    Case("target-wrong-type", "run baseline", 64, ("target.workers",), target("[target]", '[target]\nworkers = "x"')),
    Case("no-interpreter", "run baseline", 64, ("target.python",), target("[target]", '[target]\npython = "no/py"')),
    Case("no-python", "run baseline", 64, ("target.python",), target("[target]", '[target]\npython = "/bin/true"')),
    Case("out-in-proc", "run baseline --out /proc/shakedown/run", 3, ("/proc/shakedown/run",)),
    Case("out-below-a-file", "run baseline --out file/run", 3, ("file/run",), {"file": ""}),
    Case("out-is-a-file", "run baseline --out file", 64, ("file", "new or empty"), {"file": ""}),
    Case("out-is-not-empty", "run baseline --out .", 64, ("not empty", "new or empty"), {"file": ""}),
    Case("junit-into-nowhere", "run baseline --junit no/x.xml", 64, ("--junit", "no folder no")),
    Case("state-in-proc", "run baseline", 3, ("SHAKEDOWN_STATE",), env={"SHAKEDOWN_STATE": "/proc/shakedown"}),
    Case("judge-nowhere", "judge nope", 64, ("nope", "run directory")),
    Case("judge-name-too-long", f"judge {'x' * 300}", 64, ("cannot be used", "too long")),
    Case("run-name-too-long", f"run {'x' * 300}.py", 64, ("cannot be used", "too long")),
    Case("target-name-too-long", f"run baseline --target {'x' * 300}", 64, ("x", "too long")),
    Case("judge-no-run", "judge .", 64, ("trials/",)),
    Case("judge-no-manifest", "judge r", 64, ("manifest.json",), {"r/trials/file": ""}),
    Case("judge-cut-manifest", "judge r", 64, ("manifest.json",), {"r/trials/file": "", "r/manifest.json": "{"}),
    Case("judge-other-version", "judge r", 64, ("schema_version",), {"r/trials/x": "", "r/manifest.json": "{}"}),
    Case("report-no-manifest", "report r", 64, ("manifest.json",), {"r/trials/file": ""}),
    Case("audit-unknown-row", "audit --row healt", 64, ("'healt'", "Did you mean health?", "Accepted are")),
    Case("audit-out-is-not-empty", "audit --out .", 64, ("not empty", "new or empty"), {"file": ""}),
    Case("audit-no-such-target", "audit --target t.toml", 64, ("t.toml", "does not exist")),
    Case("audit-wrong-key", "audit", 64, ("audit.tokns",), target("[parts.", "[audit]\ntokns = 1\n\n[parts.")),
    Case("judge-audit-no-manifest", "judge r", 64, ("manifest.json",), {"r/rows/cors.json": "{}"}),
    Case("report-audit-no-manifest", "report r", 64, ("manifest.json",), {"r/rows/cors.json": "{}"}),
    Case("history-no-such-folder", "history --runs nope", 64, ("--runs nope", "not a directory")),
    Case("history-unknown-name", "history bselin", 64, ("'bselin'", "Did you mean baseline?")),
    Case("history-without-runs", "history", 2, ("nothing to show", "runs/")),
    Case("compare-revision-and-setting", "compare git:HEAD workers=2", 64, ("git:REV",)),
    Case("compare-no-repository", "compare git:a git:b", 64, ("no git repository",), target("[target]", "[target]")),
    # These come as far as the parts.
    Case(
        "setup-fails",
        "run baseline",
        1,
        ("echo no such table; exit 7", "exit code 7", "no such table"),
        target('["python sound.py"]', '["echo no such table; exit 7"]'),
    ),
    Case(
        "unknown-option-of-the-server",
        "run baseline",
        64,
        ("target.gunicorn.keepaliv", "did you mean keepalive?"),
        target("keepalive = 75", "keepaliv = 75"),
    ),
)


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    def document(self) -> dict[str, Any]:
        """One JSON document, nothing else."""
        assert self.out.count("\n") == 1, self.out
        told: dict[str, Any] = json.loads(self.out)
        return told


def command(words: str, folder: Path, state: Path, **env: str) -> Ended:
    """Run it in this folder; whatever it does, no process and no ledger of it may be left."""
    full = {**os.environ, "SHAKEDOWN_STATE": str(state), "TMPDIR": str(state.parent / "tmp"), **env}
    ended = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", *words.split()],
        cwd=folder,
        env=full,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    mark = f"SHAKEDOWN_STATE={full['SHAKEDOWN_STATE']}".encode()
    assert [pid for pid in psutil.pids() if has_mark(pid, mark)] == []
    assert not state.exists() or list(state.iterdir()) == []
    assert list((state.parent / "tmp").iterdir()) == []
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture
def state() -> Path:
    """A state folder, and beside it one for what is temporary, where nobody else's user is kept out."""
    base = Path(tempfile.mkdtemp(prefix="shakedown-test-"))
    base.chmod(0o755)
    (base / "tmp").mkdir()
    (base / "tmp").chmod(0o1777)
    return base / "state"


@pytest.fixture(autouse=True)
def cleared(state: Path) -> Any:
    yield
    shutil.rmtree(state.parent)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_input_is_one_paragraph(case: Case, tmp_path: Path, state: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    for name in ("sound.py", "never_starts.py"):
        if "shakedown.toml" in case.files:
            shutil.copy(APPS / name, folder)
    for name, text in case.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    ended = command(case.words + " --json" + (" --quiet" * case.words.startswith("run")), folder, state, **case.env)
    assert ended.code == case.code, ended.err
    error = ended.document()["error"]
    assert ended.document()["schema_version"] == 1
    assert ended.err == f"shakedown: {error['message']}\n"
    assert all(words in error["message"] for words in case.says), error
    assert "Traceback" not in ended.err
    assert "\n\n" not in ended.err.strip()


def test_without_json_stdout_is_empty(tmp_path: Path, state: Path) -> None:
    ended = command("run db-refusd", tmp_path, state)
    assert (ended.code, ended.out, ended.err.count("\n")) == (64, "", 1)


@pytest.mark.parametrize(("words", "code"), [("list", 3), ("--help", 3), ("judge nope", 64)])
def test_where_nothing_can_be_printed_the_code_says_so(words: str, code: int, state: Path) -> None:
    command = [sys.executable, "-m", "harness.cli.main", *words.split()]
    env = {**os.environ, "SHAKEDOWN_STATE": str(state)}
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            command, env=env, stdout=full, stderr=subprocess.PIPE, text=True, timeout=100, check=False
        )
        mute = subprocess.run(command, env=env, stdout=full, stderr=full, timeout=100, check=False)
    assert (ended.returncode, mute.returncode) == (code, code), ended.stderr
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("shakedown: ")


def test_a_folder_that_is_gone_is_told(tmp_path: Path, state: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    words = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m harness.cli.main run baseline --dry-run"
    env = {**os.environ, "SHAKEDOWN_STATE": str(state), "PYTHONPATH": str(Path(__file__).parents[2])}
    ended = subprocess.run(["sh", "-c", words], env=env, capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (64, "", 1), ended.stderr
    assert "is gone" in ended.stderr


@pytest.mark.parametrize("name", ["observations.jsonl", "samples.rows"])
def test_a_record_that_cannot_be_read_is_the_machines(name: str, tmp_path: Path, state: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    file = next((tmp_path / "run").glob(f"trials/*/{name}"))
    file.unlink()
    file.mkdir()
    ended = command("judge run --json", tmp_path, state)
    assert (ended.code, ended.document()["error"]["kind"]) == (3, "machine")
    assert name in ended.err
    assert command("history --runs .", tmp_path, state).code == 2


def test_an_app_that_fails_at_import_fails_the_run(tmp_path: Path, state: Path) -> None:
    ended = command(f"run baseline --target {APPS / 'never_starts.toml'} --json --quiet", tmp_path, state)
    assert (ended.code, ended.err) == (1, "")
    (trial,) = ended.document()["trials"]
    assert [(each["check"], each["verdict"]) for each in trial["verdicts"]] == [("starts", "fail")]


def cut(tmp_path: Path, name: str, length: int) -> Path:
    """A copy of a whole record whose file `name` ends after so many bytes."""
    run = tmp_path / "run"
    shutil.copytree(RECORD, run)
    os.truncate(next(run.glob(f"trials/*/{name}")), length)
    return run


def size(name: str) -> int:
    return next(RECORD.glob(f"trials/*/{name}")).stat().st_size


def test_the_record_passes_as_long_as_it_is_whole(tmp_path: Path, state: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    assert command("judge run --json", tmp_path, state).code == 0


CUTS = [
    *[("observations.jsonl", share) for share in (0.0, 0.1, 0.5, 0.9, 0.99)],
    *[("observations.jsonl", back) for back in (-1, -2, -40)],
    *[("samples.rows", share) for share in (0.0, 0.05, 0.3, 0.99)],
    *[("samples.rows", back) for back in (-1, -ROW_BYTES, -ROW_BYTES - 1)],
]


@pytest.mark.parametrize(("name", "where"), CUTS)
def test_a_record_that_is_cut_is_inconclusive(name: str, where: float, tmp_path: Path, state: Path) -> None:
    length = size(name) + int(where) if where < 0 else int(size(name) * where)
    cut(tmp_path, name, length)
    ended = command("judge run --json", tmp_path, state)
    assert (ended.code, ended.err) == (2, "")
    document = ended.document()
    assert document["verdict"] == "inconclusive"
    outcomes = [each["verdict"] for trial in document["trials"] for each in trial["verdicts"]]
    assert "inconclusive" in outcomes
    assert "fail" not in outcomes
    if where == 0.3 or where == -40:
        assert command("report run", tmp_path, state).code == 0


@pytest.mark.parametrize("verb", ["judge", "report"])
def test_a_manifest_that_lacks_what_a_view_shows_is_told(verb: str, tmp_path: Path, state: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    file = tmp_path / "run" / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "sweep": {}}))
    ended = command(f"{verb} run --json", tmp_path, state)
    assert (ended.code, ended.document()["error"]["kind"]) == (64, "usage")
    assert "manifest.json lacks" in ended.err


def test_a_run_without_a_trial_is_inconclusive(tmp_path: Path, state: Path) -> None:
    shutil.copytree(RECORD, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "trials")
    (tmp_path / "run" / "trials").mkdir()
    ended = command("judge run --json", tmp_path, state)
    assert ended.code == 2
    (trial,) = ended.document()["trials"]
    assert (trial["scenario"], trial["verdicts"], trial["verdict"]) == ("short", [], "inconclusive")
    assert "never begun" in trial["note"]
