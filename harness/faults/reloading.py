"""A reload whose new workers start otherwise than the old ones did, without any change of the app's files.

In a trial that has such a fault the app's interpreter gets a hook (harness/hook/sitecustomize.py) by its environment.
A file of the run tells it what to do when the module of the app is imported, and it writes down which process it did
that to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.model.scenario import Scenario

HOOK = Path(__file__).parents[1] / "hook"
_SLOW, _BROKEN = "server.sighup", "server.reload-broken"


@dataclass(frozen=True, slots=True)
class Hook:
    """What new workers do before they import the app; nothing while `file` is not there."""

    file: Path

    def tell(self, words: str) -> None:
        self.file.write_text(words, "utf-8")

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)

    def acts(self) -> list[tuple[int, str]]:
        """Which process did what, in order, by its own word; nothing is ever taken away from it in a trial."""
        try:
            lines = self.file.with_name(f"{self.file.name}.done").read_text("utf-8").splitlines()
        except OSError:
            return []
        words = (line.split() for line in lines)
        return [(int(line[0]), line[1]) for line in words if len(line) == 2 and line[0].isdigit()]

    def done(self, word: str, known: int = 0) -> set[int]:
        """The processes that did this after so many acts that were known before: another fault's, or the same's."""
        return {pid for pid, did in self.acts()[known:] if did == word}

    def environment(self, env: Mapping[str, str], app: str) -> dict[str, str]:
        """The app's environment with the hook in it."""
        behind = env.get("PYTHONPATH", "")
        path = f"{HOOK}{os.pathsep}{behind}" if behind else str(HOOK)
        words = {"SHAKEDOWN_HOOK_MODULE": app.partition(":")[0], "SHAKEDOWN_HOOK_FILE": str(self.file)}
        return {**env, "PYTHONPATH": path, **words}


def is_hooked(scenario: Scenario) -> bool:
    """Does one of its faults need the hook?"""
    return any(
        use.id == _BROKEN or (use.id == _SLOW and float(use.parameters.get("start_s", 0)) > 0)
        for use in scenario.faults
    )
