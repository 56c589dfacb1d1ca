"""Two revisions of a repository, each with its own code, and nothing of them left, whatever ends the comparison."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ends_rig import ROOT, Point, Started

from harness.cli.compare_sides import Sides, both_sides
from harness.errors import UsageError
from harness.ledger import Ledger, open_entries

pytestmark = pytest.mark.real

APP = """
print("this is revision NAME", flush=True)


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})
"""
TARGET = f"""
[target]
app = "shop:app"
server = "uvicorn"
workers = 1
ready = "/health"
python = "{sys.executable}"

[load]
rate_rps = 20

[[load.requests]]
path = "/"
"""
SCENARIO = """
from harness.model.scenario import Scenario

SCENARIO = Scenario("brief", "Does it answer?", baseline_s=1)
"""


def git(repository: Path, *words: str) -> str:
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(repository), *who, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def commit(repository: Path, message: str, **files: str) -> None:
    for name, text in files.items():
        path = repository / "service" / name.replace("__", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", message)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """`old` has no target file yet, `new` has; nothing is changed but what is committed."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "old", shop__py=APP.replace("NAME", "old"))
    git(folder, "tag", "old")
    commit(folder, "new", shop__py=APP.replace("NAME", "new"), shakedown__toml=TARGET)
    return folder


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    monkeypatch.setenv("SHAKEDOWN_STATE", str(tmp_path / "state"))
    ledger = Ledger.create()
    yield ledger
    ledger.close()


def sides_of(repository: Path, ledger: Ledger, base: str, new: str) -> Sides:
    with both_sides(base, new, str(repository / "service" / "shakedown.toml"), {}, ledger) as sides:
        for variation in (sides.base, sides.new):
            assert (variation.target.root / "shop.py").is_file()
    for variation in (sides.base, sides.new):
        assert not variation.target.root.exists()
    assert open_entries(ledger.path) == []
    return sides


def test_each_side_is_as_it_was_committed(repository: Path, ledger: Ledger) -> None:
    sides = sides_of(repository, ledger, "git:old", "git:HEAD")
    assert "old" in sides.notes[0]
    assert "today's is used" in sides.notes[0]
    assert "today's" not in sides.notes[1]
    assert sys.executable in sides.notes[2]
    assert len(sides.notes) == 3
    assert sides.base.target.python == sides.new.target.python
    assert sides.new.target.source.endswith("shakedown.toml at HEAD")
    revisions: Any = sides.facts["revisions"]
    assert revisions["new"] == {"name": "HEAD", "commit": git(repository, "rev-parse", "HEAD").strip()}


def test_packages_that_differ_are_told(repository: Path, ledger: Ledger) -> None:
    commit(repository, "newer", requirements__txt="fastapi\n")
    sides = sides_of(repository, ledger, "git:HEAD~1", "git:HEAD")
    assert "service/requirements.txt differ between them" in sides.notes[3]


def test_changes_that_are_in_neither_side_are_refused_only_where_they_matter(repository: Path, ledger: Ledger) -> None:
    commit(repository, "newest", shop__py=APP.replace("NAME", "newest"))
    (repository / "service" / "shop.py").write_text(APP.replace("NAME", "changed"))
    sides_of(repository, ledger, "git:old", "git:HEAD~1")
    with pytest.raises(UsageError, match=r"git:main is what is checked out .* \(service/shop.py\)"):
        sides_of(repository, ledger, "git:old", "git:main")


def test_what_is_no_pair_of_revisions_is_bad_input(repository: Path, ledger: Ledger, tmp_path: Path) -> None:
    for base, new, says in (
        ("git:nope", "git:HEAD", "git:nope is no commit"),
        ("git:--all", "git:HEAD", "git:--all is no commit"),
        ("git:", "git:HEAD", "is no commit"),
        ("git:HEAD", "workers=2", "compared with a revision"),
    ):
        with pytest.raises(UsageError, match=says):
            sides_of(repository, ledger, base, new)
    lonely = tmp_path / "shakedown.toml"
    lonely.write_text(TARGET)
    with (
        pytest.raises(UsageError, match="lies in no git repository"),
        both_sides("git:a", "git:b", str(lonely), {}, ledger),
    ):
        pass
    assert open_entries(ledger.path) == []


def test_an_app_that_is_imported_from_elsewhere_is_not_the_revisions(
    repository: Path, ledger: Ledger, tmp_path: Path
) -> None:
    """As with an editable install: both sides would run what lies there."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "store.py").write_text(APP)
    moved = TARGET.replace("shop:app", "store:app") + f'\n[target.env]\nPYTHONPATH = "{elsewhere}"\n'
    commit(repository, "moved", shakedown__toml=moved)
    with pytest.raises(UsageError, match=r"store would be imported from .*elsewhere/store.py"):
        sides_of(repository, ledger, "git:old", "git:HEAD")
    assert open_entries(ledger.path) == []


def test_each_runs_its_own_code_and_a_kill_leaves_nothing(repository: Path, tmp_path: Path) -> None:
    scenario = tmp_path / "brief.py"
    scenario.write_text(SCENARIO)
    before = git(repository, "worktree", "list"), git(repository, "status", "--porcelain")
    target = str(repository / "service" / "shakedown.toml")
    words = ("compare", "git:old", "git:main", "--target", target, "--scenario", str(scenario), "--repeat", "1")
    started = Started(tmp_path / "killed", verb=words)
    try:
        started.reach(Point("[2/2]", 0.0))
        started.wait(lambda: sum("    warmup" in line for line in started.said) == 2, 60.0, "the second warm-up")
        started.look()
        folders = [each for each in started.folders if each.endswith(("-base", "-new"))]
        assert len(folders) == 2
        os.kill(started.harness(), signal.SIGKILL)
        assert started.end()[0] == 3
        assert started.left() == []
    finally:
        started.close()
    logs = {path.read_text().split("this is revision ")[1].split()[0] for path in started.out.rglob("server.log")}
    assert logs == {"old", "new"}
    judged = subprocess.run(
        [sys.executable, "-m", "harness.cli.main", "judge", str(started.out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (judged.returncode, "git:main against git:old" in judged.stdout) == (2, True), judged.stderr
    assert (git(repository, "worktree", "list"), git(repository, "status", "--porcelain")) == before
