"""What the app's interpreter runs at its start in a trial whose reload is to be slow or broken; in no other trial.

Nothing of the app's files is touched. PYTHONPATH leads here, `SHAKEDOWN_HOOK_MODULE` names the module of the app, and
`SHAKEDOWN_HOOK_FILE` a file of the run. As long as that file is not there, nothing happens. Else a process that imports
the module waits first (`sleep 4`), or fails as it would if the code could not be imported (`raise`), and writes down
that it did. Runs on Python 3.8, and imports nothing of the harness.
"""

import importlib
import os
import sys
import time

_MODULE = os.environ.get("SHAKEDOWN_HOOK_MODULE", "")
_FILE = os.environ.get("SHAKEDOWN_HOOK_FILE", "")


class _Gate:
    """Asked first by every import; it finds nothing itself."""

    @staticmethod
    def find_spec(name, path=None, target=None):  # type: ignore[no-untyped-def]
        if name == _MODULE:
            _act()


def _act() -> None:
    try:
        with open(_FILE, encoding="utf-8") as file:
            word, _, length = file.read().strip().partition(" ")
    except OSError:
        return
    with open(_FILE + ".done", "a", encoding="utf-8") as done:
        done.write(f"{os.getpid()} {word}\n")
    if word == "sleep":
        time.sleep(float(length))
    elif word == "raise":
        raise ImportError(f"{_MODULE} cannot be imported: this reload is to fail (shakedown)")


def _hand_on() -> None:
    """The user's own sitecustomize, which stands behind ours."""
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != here]
    mine = sys.modules.pop("sitecustomize", None)
    try:
        importlib.import_module("sitecustomize")
    except ImportError:
        if mine is not None:
            sys.modules["sitecustomize"] = mine


if _MODULE and _FILE:
    sys.meta_path.insert(0, _Gate)
_hand_on()
