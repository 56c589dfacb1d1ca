"""A skipped test fails a strict session, whichever way it is skipped, and no other session."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPS = {
    "mark": "import pytest\n@pytest.mark.skip(reason='no part')\ndef test_it(): pass\n",
    "call": "import pytest\ndef test_it(): pytest.skip('no part')\n",
    "fixture": "import pytest\n@pytest.fixture\ndef part(): pytest.skip('no part')\ndef test_it(part): pass\n",
    "module": "import pytest\npytest.skip('no part', allow_module_level=True)\n",
    "import": "import pytest\npytest.importorskip('no_such_module', reason='no part')\n",
}


def session(folder: Path, test: str, strict: bool) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_passes.py").write_text("def test_passes(): pass\n")
    (folder / "test_subject.py").write_text(test)
    # Without the plugins of the environment, which nothing here is about and which take longer than all the rest.
    environment = {**os.environ, "SHAKEDOWN_STRICT": "1" if strict else "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize("way", SKIPS)
def test_a_skip_fails_a_strict_session(tmp_path: Path, way: str) -> None:
    ended = session(tmp_path, SKIPS[way], strict=True)
    assert ended.returncode != 0, ended.stdout
    assert "skipped, which counts as a failure here" in ended.stdout
    assert "no part" in ended.stdout


@pytest.mark.parametrize("way", SKIPS)
def test_a_skip_passes_otherwise(tmp_path: Path, way: str) -> None:
    ended = session(tmp_path, SKIPS[way], strict=False)
    assert ended.returncode == 0, ended.stdout
    assert "1 passed, 1 skipped" in ended.stdout


def test_an_expected_failure_is_not_a_skip(tmp_path: Path) -> None:
    test = "import pytest\n@pytest.mark.xfail(reason='known')\ndef test_it(): assert 0\n"
    ended = session(tmp_path, test, strict=True)
    assert ended.returncode == 0, ended.stdout
    assert "1 passed, 1 xfailed" in ended.stdout
