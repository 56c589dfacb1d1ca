"""A defect of a server that no setting of the user can mend: within its bounds it is told, and fails nobody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class KnownLimit:
    """What `fault` does to `checks` with this server, whatever the app does.

    `shows` bounds it. "silence": nothing answers for as long as the trial's own boot took, and 2 s more. "lost": at
    most `most` requests break off in that time. "orphans": at most `most` processes for each worker outlive the server.
    `versions` is the tested range in words, `source` where it is shown.
    """

    fault: str
    checks: tuple[str, ...]
    shows: Literal["silence", "lost", "orphans"]
    says: str
    versions: str
    source: str
    most: int = 0
