"""What a server is known for, whatever the app does: within its bound it fails nobody, and a note names the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version


@dataclass(frozen=True, slots=True)
class KnownLimit:
    """What `fault` does to `checks` with this server, whatever the app does.

    `shows` bounds it. "silence": nothing answers for as long as the trial's own boot took, what the fault adds to a
    start, and 2 s more. "lost": at most `most` requests break off in that time. "orphans": at most `most` processes for
    each worker outlive the server. "away": the server ends, and is started again at the lift.
    "unseen": the supervisor does not notice, and the worker is made good at the lift, and no earlier.
    Of three, users notice more, and `advice` says what helps. "end": the whole server ends within 2 s.
    "cut": with several workers, requests in flight at SIGTERM are cut, and the server leaves before its grace is over.
    "share": while one worker is hurt, new connections hang, but no more than fall to one of so many workers.
    `versions` is the tested range, a requirement of each program that has a part in it ("a ~=1.0 with b ~=2.3"),
    `source` where it is shown. With the flag `unless` the server has no such limit.
    """

    fault: str
    checks: tuple[str, ...]
    shows: Literal["silence", "lost", "orphans", "unseen", "end", "cut", "share", "away"]
    says: str
    versions: str
    source: str
    most: int = 0
    advice: str = ""
    unless: str = ""

    def holds_for(self, versions: Mapping[str, str], flags: Sequence[str] = ()) -> bool:
        """Was it seen with these versions? One that is newer may have mended it, one that is not told is not known."""
        return self.unless not in flags and all(
            _fits(Requirement(each), versions) for each in self.versions.split(" with ")
        )


def _fits(wanted: Requirement, versions: Mapping[str, str]) -> bool:
    try:
        return wanted.specifier.contains(Version(versions.get(wanted.name, "")), prereleases=True)
    except InvalidVersion:
        return False
