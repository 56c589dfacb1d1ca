"""Tries a user's Locust file in the process that would run it: the harness itself never imports it, nor Locust."""

import json
import subprocess
from pathlib import Path

from harness.load.client import FLOW_DRIVER, driver_environment

_LIMIT_S = 60.0


def why_not(path: Path) -> str:
    """What is wrong with the file, with its line; empty when nothing is."""
    words = [*FLOW_DRIVER, "--check", str(path)]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=driver_environment(),
            timeout=_LIMIT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it does more than define users: importing it took longer than {_LIMIT_S:g} s"
    try:
        return str(json.loads(done.stdout))
    except ValueError:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return f"the process that imported it ended with exit code {done.returncode}" + "".join(f": {x}" for x in last)
