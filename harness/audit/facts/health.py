"""What liveness and readiness say in peace and while a part is away, asked on fresh connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Trouble = Literal["refuse", "blackhole", "hang"]


@dataclass(frozen=True, slots=True)
class Round:
    """Several readiness probes at once, each on its own connection. `at_s` is when the last of them was over.

    Counted from the bite, or from the lift. An unanswered probe counts as a no, as for a kubelet.
    """

    at_s: float
    yes: int
    no: int
    unanswered: int = 0
    slowest_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A part that was away for a while, and what was said meanwhile and afterwards.

    `via_proxy` and `direct`: connections (of an HTTP part: requests) by which the app was seen to use the part before;
    −1 is not known. `live_bad` are answers that say dead, `live_silent` probes that twice in a row had no answer.
    """

    part: str
    trouble: Trouble
    needed: bool
    rounds: tuple[Round, ...]
    after: tuple[Round, ...]
    live_asked: int = 0
    live_bad: int = 0
    live_silent: int = 0
    via_proxy: int = -1
    direct: int = 0

    @property
    def down_after_s(self) -> float | None:
        """When every probe began to say no and went on until the lift; None: never. One such round proves nothing."""
        trailing = 0
        for each in reversed(self.rounds):
            if each.yes:
                break
            trailing += 1
        return self.rounds[-trailing].at_s if trailing > 1 else None

    @property
    def doubted(self) -> int:
        """Rounds with a no in them, one after the other, up to the lift: what the outage itself has caused is there."""
        found = 0
        for each in reversed(self.rounds):
            if not each.no:
                break
            found += 1
        return found

    @property
    def back_after_s(self) -> float | None:
        """When every probe said yes again and went on so."""
        trailing = 0
        for each in reversed(self.after):
            if each.no:
                break
            trailing += 1
        return self.after[-trailing].at_s if trailing > 1 else None

    @property
    def slowest_ms(self) -> float:
        return max((each.slowest_ms for each in self.rounds), default=0.0)


@dataclass(frozen=True, slots=True)
class Health:
    """`live_ms` are the answer times of liveness in peace, −1 for none; limits are those of the target file."""

    live: str
    ready: str
    live_ms: tuple[float, ...]
    live_statuses: tuple[int, ...]
    outages: tuple[Outage, ...]
    needs: tuple[str, ...]
    others: tuple[str, ...]
    ready_down_s: float
    recover_s: float
    ready_period_s: float
    ready_timeout_s: float
    orchestration: str = ""
