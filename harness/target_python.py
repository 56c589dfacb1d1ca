"""The app's own interpreter: found by the target file, tried once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_OLDEST = (3, 8)
_ASK = "import sys; print(*sys.version_info[:2])"


def find_python(word: str, root: Path) -> Path:
    """A path from the folder of the file, or a name on PATH. Links are kept: a virtual environment is one."""
    if not word:
        return Path(sys.executable)
    here = root / Path(word).expanduser()
    if os.sep in word or here.exists():
        return here
    found = shutil.which(word)
    return Path(found) if found else here


def try_python(python: Path) -> str | None:
    """What is wrong with an interpreter, or None."""
    if python == Path(sys.executable):
        return None
    if not python.is_file():
        return f"{python} does not exist"
    try:
        done = subprocess.run(
            [str(python), "-I", "-c", _ASK], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return f"{python} does not say its version within 20 s"
    except OSError as error:
        return f"{python} cannot be run: {error.strerror}"
    words = done.stdout.split()
    if done.returncode != 0 or len(words) != 2 or not all(word.isdigit() for word in words):
        return f"{python} is no Python interpreter"
    if (int(words[0]), int(words[1])) < _OLDEST:
        return f"{python} is Python {'.'.join(words)}"
    return None
