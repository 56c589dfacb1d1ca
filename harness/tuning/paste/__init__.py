"""A recommendation as files to paste: one writer a file, each line with its reason above it.

Pure: text is made, the caller writes it. What may be a secret is never written; a comment says which key was left out.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.tuning.paste.command_line import command_line
from harness.tuning.paste.elsewhere import elsewhere
from harness.tuning.paste.environment import environment
from harness.tuning.paste.file import File
from harness.tuning.paste.gunicorn import gunicorn
from harness.tuning.paste.postgresql import postgresql
from harness.tuning.recommendation import Recommendation

__all__ = ["File", "files"]


def files(recommendation: Recommendation, app: str, server: str, parts: Mapping[str, str]) -> tuple[File, ...]:
    """Those that say anything. `server` is the name of its table of options, `parts` maps names to kinds."""
    databases = [name for name, kind in parts.items() if kind == "postgres"]
    made = [
        gunicorn(recommendation) if server == "gunicorn" else command_line(recommendation, app, server),
        environment(recommendation),
        *(postgresql(recommendation, name, alone=len(databases) == 1) for name in databases),
        elsewhere(recommendation),
    ]
    return tuple(file for file in made if file is not None)
