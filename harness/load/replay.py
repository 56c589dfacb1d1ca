"""A load that was seen before: a file of moments, one a line, in seconds after its start.

    0.000
    0.013
    0.013
    0.871

It begins anew when it is over, as often as the load is long; from its last moment to the next first one it takes the
mean gap. The file is never held whole: where each block of lines begins is remembered, and a part is read when it is
asked for.
"""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.load.profile import MAX_ARRIVALS, Profile
from harness.load.schedule import BLOCK, Schedule

_MOST_S = 1e8
_ACCEPTED = f"accepted: a number of seconds from 0 to {_MOST_S:g}, none below the one before it"


def open_schedule(profile: Profile) -> Schedule:
    """The schedule of a profile, with its file where it has one. ValueError or OSError when that is no use."""
    if not profile.replay:
        return Schedule(profile)
    return Schedule(profile, Replayed(ReplayFile(profile.replay), profile.duration_s))


class ReplayFile:
    """The moments of a file, checked once from beginning to end. ValueError names the line that is wrong."""

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._begins: list[int] = []
        self._firsts: list[int] = []
        self.count = self.last_ns = self.peak_rps = 0
        self._kept = -1, np.zeros(0, np.int64)
        self._scan()
        if not self.count:
            raise ValueError(f"{self._path} holds no moments; {_ACCEPTED}")
        if self.count < 2 or not self.last_ns:
            raise ValueError(f"{self._path} spans no time; accepted: at least two moments, the last one above 0")

    @property
    def mean_rps(self) -> float:
        return (self.count - 1) / self.last_ns * 1e9

    @property
    def period_ns(self) -> int:
        """From one beginning to the next."""
        return self.last_ns + max(1, round(self.last_ns / (self.count - 1)))

    def block(self, number: int) -> NDArray[np.int64]:
        """The last one is kept, for an engine takes it in many small parts."""
        if self._kept[0] != number:
            with self._path.open("rb") as file:
                file.seek(self._begins[number])
                self._kept = number, _moments(list(islice(file, BLOCK)))
        return self._kept[1]

    def before(self, moment_ns: int) -> int:
        """How many of its moments lie before this one."""
        number = int(np.searchsorted(np.array(self._firsts), moment_ns, side="left")) - 1
        return 0 if number < 0 else number * BLOCK + int(np.searchsorted(self.block(number), moment_ns, side="left"))

    def _scan(self) -> None:
        second, in_second = 0, 0
        with self._path.open("rb") as file:
            while True:
                begin = file.tell()
                lines = list(islice(file, BLOCK))
                if not lines:
                    return
                moments = self._checked(lines)
                self._begins.append(begin)
                self._firsts.append(int(moments[0]))
                self.count += len(moments)
                self.last_ns = int(moments[-1])
                if self.count > MAX_ARRIVALS:
                    raise ValueError(f"{self._path} has more than the {MAX_ARRIVALS:,} lines that are accepted")
                seconds, counts = np.unique(moments // 10**9, return_counts=True)
                if seconds[0] == second:
                    counts[0] += in_second
                second, in_second = int(seconds[-1]), int(counts[-1])
                self.peak_rps = max(self.peak_rps, int(counts.max()))

    def _checked(self, lines: list[bytes]) -> NDArray[np.int64]:
        try:
            moments = _moments(lines)
        except (ValueError, OverflowError):
            moments = None
        if moments is None or moments[0] < self.last_ns or (np.diff(moments) < 0).any():
            raise ValueError(self._first_wrong(lines))
        return moments

    def _first_wrong(self, lines: list[bytes]) -> str:
        before = self.last_ns
        for number, line in enumerate(lines, self.count + 1):
            try:
                (moment,) = _moments([line]).tolist()
            except (ValueError, OverflowError):
                moment = -1
            if moment < before:
                shown = line[:40].decode(errors="replace").strip()
                return f"{self._path}, line {number}: {shown!r}; {_ACCEPTED}"
            before = moment
        return f"{self._path}; {_ACCEPTED}"


def _moments(lines: list[bytes]) -> NDArray[np.int64]:
    seconds = np.array(list(map(float, lines)))
    if not (np.isfinite(seconds) & (seconds >= 0) & (seconds <= _MOST_S)).all():
        raise ValueError("out of bounds")
    return np.rint(seconds * 1e9).astype(np.int64)


class Replayed:
    """The times of a file that is played again and again for `duration_s`."""

    def __init__(self, file: ReplayFile, duration_s: float) -> None:
        self._file, self._period = file, file.period_ns
        turns, rest_ns = divmod(math.ceil(duration_s * 1e9), self._period)
        self._count = turns * file.count + file.before(rest_ns)
        if self._count > MAX_ARRIVALS:
            raise ValueError(f"a load has at most {MAX_ARRIVALS:,} arrivals, not {self._count:,}")

    def __len__(self) -> int:
        return self._count

    def part(self, first: int, last: int) -> NDArray[np.int64]:
        pieces = []
        while first < last:
            turn, place = divmod(first, self._file.count)
            number, skip = divmod(place, BLOCK)
            piece = self._file.block(number)[skip : skip + last - first]
            pieces.append(piece + turn * self._period)
            first += len(piece)
        return np.concatenate(pieces)
