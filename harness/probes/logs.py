"""The server's log, followed as it grows: lines that the server's file knows a word for become observations.

Read from its beginning, at most 256 KiB at a time and 100 noted lines a second, so that a server in a crash loop cannot
flood the record; what is left out is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.model.observation import LogNoted, Noted
from harness.probes.ticks import ticks
from harness.probes.watch import Watch

PERIOD_S = 0.25
CHUNK_BYTES = 256 * 1024
LONGEST_LINE = 16 * 1024
TEXT_CHARS = 300
NOTED_PER_S = 100

Note = Callable[[str], tuple[str, int] | None]


class Tail:
    """Whole lines of a growing file; a line without an end is kept for the next time."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset, self._rest = path, 0, b""

    def skip(self) -> None:
        """What is there already does not count."""
        if self._path.exists():
            self._offset, self._rest = self._path.stat().st_size, b""

    def lines(self) -> list[str]:
        try:
            size = self._path.stat().st_size
            if size == self._offset:
                return []
            if size < self._offset:  # begun anew
                self._offset, self._rest = 0, b""
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read(CHUNK_BYTES)
        except OSError:
            return []
        self._offset += len(data)
        *whole, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:LONGEST_LINE]
        return [line.decode("utf-8", "replace") for line in whole]


class LogProbe:
    """Emits LogNoted for each line that `note` gives a word for. Reads once more when it is cancelled."""

    def __init__(self, watch: Watch, note: Note) -> None:
        self._watch, self._note = watch, note
        self._tail = Tail(watch.deployment.log)
        self._second, self._noted, self._left_out = -1, 0, 0

    async def run(self) -> None:
        try:
            async for _ in ticks(PERIOD_S):
                self._read()
        finally:
            self._read()
            self._tell_left_out()

    def _read(self) -> None:
        sent_ns = self._watch.clock.now_ns()
        for line in self._tail.lines():
            noted = self._note(line)
            if noted is None:
                continue
            if self._may_note(sent_ns):
                self._watch.emit(LogNoted(noted[0], line[:TEXT_CHARS], sent_ns, self._watch.clock.now_ns()))
            else:
                self._left_out += 1

    def _may_note(self, now_ns: int) -> bool:
        second = now_ns // 1_000_000_000
        if second != self._second:
            self._second, self._noted = second, 0
        self._noted += 1
        return self._noted <= NOTED_PER_S

    def _tell_left_out(self) -> None:
        if self._left_out:
            now_ns = self._watch.clock.now_ns()
            text = f"{self._left_out} lines of the server's log were left out: more than {NOTED_PER_S} in a second."
            self._watch.emit(Noted("log-lines-left-out", text, {"lines": self._left_out}, now_ns, now_ns))
