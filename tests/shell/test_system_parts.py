"""Chromium is asked for only by browser tests, installed where that is possible, and named where it is not."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

SCRIPT = Path(__file__).parents[1] / "system-parts"
TOOLS = ("sh", "dirname", "grep", "mktemp", "tail", "rm")


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    folder = tmp_path / "the tests"
    folder.mkdir()
    shutil.copy(SCRIPT, folder)
    (folder / "test_page.py").write_text("from playwright.sync_api import sync_playwright\n")
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    fake(tmp_path, "id", "echo 0")
    return folder


def fake(tmp_path: Path, name: str, script: str) -> None:
    (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
    (tmp_path / "bin" / name).chmod(0o755)


def run(tmp_path: Path, tests: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": str(tmp_path / "bin"), "TMPDIR": str(tmp_path)}
    return subprocess.run([tests / "system-parts"], env=environment, capture_output=True, text=True, check=False)


def test_nothing_is_asked_for_without_browser_tests(tmp_path: Path, tests: Path) -> None:
    (tests / "test_page.py").write_text("import json\n")
    ended = run(tmp_path, tests)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_browser_that_is_there_is_enough(tmp_path: Path, tests: Path) -> None:
    fake(tmp_path, "chromium", "")
    ended = run(tmp_path, tests)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_root_has_it_installed(tmp_path: Path, tests: Path) -> None:
    fake(tmp_path, "apt-get", f'echo "$*" >>"{tmp_path}/calls"')
    ended = run(tmp_path, tests)
    assert ended.returncode == 0, ended.stderr
    assert "installing the package chromium" in ended.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    assert calls == ["update", "install -y --no-install-recommends chromium"]


def test_an_ordinary_user_is_told_what_to_install(tmp_path: Path, tests: Path) -> None:
    fake(tmp_path, "id", "echo 1000")
    fake(tmp_path, "apt-get", f'touch "{tmp_path}/called"')
    ended = run(tmp_path, tests)
    assert ended.returncode == 3
    assert "apt-get install chromium" in ended.stderr
    assert not (tmp_path / "called").exists()


def test_a_failed_installation_is_told(tmp_path: Path, tests: Path) -> None:
    fake(tmp_path, "apt-get", "echo no space left; exit 100")
    ended = run(tmp_path, tests)
    assert ended.returncode == 3
    assert "no space left" in ended.stderr
    assert "could not install chromium" in ended.stderr
