"""The executable at the root sets itself up once, wholly or not at all, and says what to do when it cannot.

All but the last test use a small clone: the same executable and the same set-up, with a lock of a few packages.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
PYTHON = os.path.realpath(sys.executable)
LOCK = (ROOT / "requirements.lock").read_text()
SMALL = ("click", "packaging", "setuptools", "wheel")
MAIN = """
import json, os, sys

def main():
    import click
    print(json.dumps({"arguments": sys.argv[1:], "cwd": os.getcwd(), "prefix": sys.prefix}))
"""
PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "fastapi-shakedown"
version = "0.1.0"
scripts.shakedown = "harness.cli.main:main"
[tool.setuptools]
packages.find.include = ["harness*"]
"""


def pinned(name: str) -> str:
    found = re.search(rf"^{name}==.*\n(?:    .*\n)+", LOCK, re.MULTILINE)
    assert found is not None, name
    return found.group()


def small_clone(folder: Path) -> Path:
    root = folder / "a clone"
    (root / "harness/cli").mkdir(parents=True)
    for name in ("shakedown", "harness/bootstrap.py"):
        shutil.copy(ROOT / name, root / name)
    for name in ("harness/__init__.py", "harness/cli/__init__.py"):
        (root / name).touch()
    (root / "harness/cli/main.py").write_text(MAIN)
    (root / "pyproject.toml").write_text(PROJECT)
    (root / "requirements.lock").write_text("".join(map(pinned, SMALL)))
    return root


def environment(**changes: str) -> dict[str, str]:
    return {**os.environ, "SHAKEDOWN_PYTHON": PYTHON, **changes}


def start(*command: str | Path, cwd: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=environment(**changes), capture_output=True, text=True, timeout=500, check=False
    )


@contextmanager
def begun(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A set-up that has come to installing packages."""
    with subprocess.Popen(
        [root / "shakedown", "--setup"], env=environment(), stderr=subprocess.PIPE, text=True
    ) as setup:
        assert setup.stderr is not None
        assert any("(2/3)" in line for line in setup.stderr)
        yield setup


def healed(root: Path) -> None:
    ended = start(root / "shakedown", "again")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["arguments"] == ["again"]
    assert not (root / ".venv.setup/new").exists()


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = small_clone(tmp_path_factory.mktemp("ready"))
    ended = start(root / "shakedown", "--setup")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == ""
    said = [line for line in ended.stderr.splitlines() if "still at it" not in line]
    assert [line.split(":")[1] for line in said[:3]] == [f" setting up ({n}/3)" for n in (1, 2, 3)]
    return root


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, subprocess.Popen[bytes]]]:
    """The set-up of the whole project: begun before the small ones, for it takes longest by far."""
    folder = tmp_path_factory.mktemp("whole")
    root = folder / "the project"
    tracked = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    with (folder / "said").open("wb") as said:
        setup = subprocess.Popen([root / "shakedown", "--setup"], env=environment(), stderr=said)
    yield root, setup
    setup.terminate()
    setup.wait(60)


def test_the_second_start_sets_nothing_up(ready: Path, tmp_path: Path) -> None:
    log = ready / ".venv.setup/set-up.log"
    before = log.stat().st_mtime_ns
    ended = start(ready / "shakedown", "run", "two words", "", cwd=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {
        "arguments": ["run", "two words", ""],
        "cwd": str(tmp_path),
        "prefix": str(ready / ".venv"),
    }
    assert log.stat().st_mtime_ns == before
    assert start(ready / "shakedown", "--setup").stdout == ""


def test_it_is_found_through_links_and_on_path(ready: Path, tmp_path: Path) -> None:
    (tmp_path / "near").symlink_to(ready / "shakedown")
    (tmp_path / "shakedown").symlink_to("near")
    ended = start("shakedown", cwd=tmp_path, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["prefix"] == str(ready / ".venv")


def test_scripts_of_the_environment_start_by_their_own_path(ready: Path) -> None:
    ended = start(ready / ".venv/bin/wheel", "version")
    assert ended.returncode == 0, ended.stderr
    assert ".venv.setup" not in (ready / ".venv/bin/activate").read_text()


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone that is set up, for tests that change what was made and leave it whole."""
    root = small_clone(tmp_path_factory.mktemp("spare"))
    assert start(root / "shakedown", "--setup").returncode == 0
    return root


def test_another_lock_replaces_what_was_made(spare: Path) -> None:
    root = spare
    (root / ".venv/old").touch()
    with (root / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    ended = start(root / "shakedown")
    assert ended.returncode == 0, ended.stderr
    assert "another lock, project file, folder or Python and is replaced" in ended.stderr
    assert not (root / ".venv/old").exists()
    assert not (root / ".venv.setup/old").exists()


def test_a_failing_step_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    root = small_clone(tmp_path)
    good = (root / "requirements.lock").read_text()
    (root / "requirements.lock").write_text(re.sub(r"sha256:\w+", "sha256:" + "0" * 64, good))
    ended = start(root / "shakedown")
    assert ended.returncode == 3
    assert "DO NOT MATCH THE HASHES" in ended.stderr
    assert str(root / ".venv.setup/set-up.log") in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (root / ".venv").exists()
    assert not (root / ".venv.setup/new").exists()
    (root / "requirements.lock").write_text(good)
    healed(root)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_an_interrupted_set_up_is_begun_anew(tmp_path: Path, number: signal.Signals, status: int) -> None:
    root = small_clone(tmp_path)
    with begun(root) as setup:
        setup.send_signal(number)
        assert setup.wait(60) == status
    assert not (root / ".venv").exists()
    healed(root)


def test_two_starts_at_once_share_one_set_up(tmp_path: Path) -> None:
    root = small_clone(tmp_path)
    with begun(root) as first:
        first.send_signal(signal.SIGSTOP)  # it must not be over before the second has come
        try:
            command, pipe = (str(root / "shakedown"), "second"), subprocess.PIPE
            second = subprocess.Popen(command, env=environment(), stdout=pipe, stderr=pipe, text=True)
            assert second.stderr is not None
            assert second.stderr.readline() == "shakedown: another set-up of this folder is going on: waiting for it\n"
        finally:
            first.send_signal(signal.SIGCONT)
        out, more = second.communicate(timeout=500)
        assert first.wait(300) == 0
    assert (second.returncode, more) == (0, "")
    assert json.loads(out)["arguments"] == ["second"]


def test_an_environment_of_somebody_else_is_used_if_it_fits(spare: Path, tmp_path: Path) -> None:
    root = spare
    with without(tmp_path, root / ".venv/.shakedown-key"):
        ended = start(root / "shakedown")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert not (root / ".venv/.shakedown-key").exists()

        (packages,) = (root / ".venv").glob("lib/python*/site-packages")
        with without(tmp_path, packages / "click", *packages.glob("click-*")):
            ended = start(root / "shakedown")
        assert ended.returncode == 3
        assert "was not made by this command" in ended.stderr
        assert "lacks click==" in ended.stderr
        assert (root / ".venv/bin/wheel").exists()


@contextmanager
def without(aside: Path, *paths: Path) -> Iterator[None]:
    """They lie aside meanwhile."""
    for path in paths:
        shutil.move(path, aside / path.name)
    try:
        yield
    finally:
        for path in paths:
            shutil.move(aside / path.name, path)


def test_an_environment_that_does_not_start_is_left_as_it_is(tmp_path: Path) -> None:
    root = small_clone(tmp_path)
    (root / ".venv").mkdir()
    (root / ".venv/mine").touch()
    ended = start(root / "shakedown")
    assert ended.returncode == 3
    assert "Move it away" in ended.stderr
    assert list((root / ".venv").iterdir()) == [root / ".venv/mine"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "shakedown: Python 3.11 or newer, with venv, is needed. On Debian"),
        ("exit 127", "is needed. On Debian"),
        ("exit 10", "is needed. Too old: python3. On Debian"),
        ("exit 11", "is needed. Without the module venv, ensurepip or ssl: python3. On Debian"),
    ],
)
def test_without_a_python_it_says_what_to_install(tmp_path: Path, script: str | None, says: str) -> None:
    root = small_clone(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("cat", "sha256sum", "readlink", "sh"):
        found = shutil.which(tool)
        assert found is not None
        (tools / tool).symlink_to(found)
    if script is not None:
        (tools / "python3").write_text(f"#!/bin/sh\n{script}\n")
        (tools / "python3").chmod(0o755)
    ended = start(root / "shakedown", PATH=str(tools), SHAKEDOWN_PYTHON="")
    assert ended.returncode == 3
    assert says in ended.stderr
    assert "apt-get install python3 python3-venv" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_the_lock_of_the_project_sets_up_every_tool(
    project: tuple[Path, subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    root, setup = project
    assert setup.wait(500) == 0, (root.parent / "said").read_text()
    for tool in ("gunicorn", "uvicorn", "locust", "py-spy", "alembic", "pytest", "ruff", "mypy"):
        version = start(root / ".venv/bin" / tool, "--version", cwd=tmp_path)
        assert version.returncode == 0, (tool, version.stderr)
    check = start(root / ".venv/bin/python", "-m", "pip", "check")
    assert check.returncode == 0, check.stdout
