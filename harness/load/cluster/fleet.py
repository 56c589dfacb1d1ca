"""Who makes the load, and which part of it: the workers from their hello to their end.

    hello ─▶ clock, engine ready ─▶ start, or an epoch of its own ─▶ sums, rows ─▶ done
                                                                 └▶ not heard of ─▶ lost, an epoch without it

A worker sends for as long as its lease lasts, and its lease is renewed by what is heard of its engine. It is given up
only when the lease is over, and its part begins anew a moment later: so nothing is sent twice, whatever was lost or
late between us. A lease that is too short would end healthy loads on a busy machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from harness.load.cluster.clocks import SAME, Pong, clock_name
from harness.load.cluster.harvest import MAX_WORKERS, Harvest, Numbers
from harness.load.cluster.member import Member
from harness.load.cluster.talk import our_version
from harness.load.epochs import Epochs
from harness.load.profile import Profile

_SECOND = 1_000_000_000
LEASE_NS = 3 * _SECOND
DETECTION_NS = 7 * _SECOND // 2
LEAD_NS = 3 * _SECOND // 4
PATIENCE_NS = 12 * _SECOND
"""With one worker of this machine there is nobody to take over, and no lease to keep short."""
assert LEASE_NS < DETECTION_NS + LEAD_NS
_GRACE_NS = 5 * _SECOND

Send = Callable[[str, str, dict[str, Any]], None]
Tell = Callable[[str, str, dict[str, Any]], None]


class Fleet:
    """`send` takes a worker's id, a kind of message and its fields; `tell` the name of a note, its text and details."""

    def __init__(self, send: Send, tell: Tell) -> None:
        self._send, self._tell = send, tell
        self._members: dict[str, Member] = {}
        self._clock = clock_name()
        self._profile: Profile | None = None
        self._harvest: Harvest | None = None
        self._epochs = Epochs.of(())
        self._t0 = self._origin = 0
        self._end_ns = self._give_up_ns = 0
        self.failure = ""

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    @property
    def ready(self) -> list[Member]:
        return [member for member in self.members if member.is_ready]

    @property
    def sending(self) -> list[Member]:
        return [member for member in self.members if member.sends]

    @property
    def running(self) -> bool:
        return bool(self._t0)

    @property
    def over(self) -> bool:
        """Nobody sends any more."""
        return self.running and not self.sending

    # ── who is there

    def hello(self, who: str, said: dict[str, Any], now_ns: int) -> None:
        theirs = str(said.get("version"))
        if theirs != our_version():
            why = f"the run is made by {our_version()}, and this machine has {theirs or 'none'}"
            self._send(who, "refused", {"why": why, "for_good": True})
        elif self._end_ns or len(self._members) >= MAX_WORKERS:
            why = "the load is over" if self._end_ns else f"the load has {MAX_WORKERS} workers, which is the most"
            self._send(who, "refused", {"why": why, "for_good": False})
        elif who not in self._members:
            same = bool(self._clock) and said.get("clock") == self._clock
            member = Member(who, len(self._members), int(said["pid"]), str(said["host"]), same, None, now_ns)
            self._members[who] = member
            if same:
                member.clock = SAME
            else:
                self._ping(member, now_ns)
            self._enlist(member)

    def prepare(self, profile: Profile, harvest: Harvest) -> None:
        self._profile, self._harvest = profile, harvest
        for member in self.members:
            self._enlist(member)

    def start(self, t0_ns: int, origin_ns: int, now_ns: int) -> None:
        self._t0, self._origin = t0_ns, origin_ns
        self._epochs = Epochs.of(member.id for member in self.ready)
        self._count_in(self.ready, now_ns)
        for member in self.sending:
            self._begin(member)

    def stop(self, drain_s: float, now_ns: int) -> None:
        """The first stop is the end of the load; a later one can only shorten the drain."""
        self._end_ns = self._end_ns or now_ns
        give_up_ns = now_ns + int(drain_s * _SECOND) + _GRACE_NS
        self._give_up_ns = min(self._give_up_ns or give_up_ns, give_up_ns)
        if not self.running:
            self._t0 = self._origin = now_ns  # nobody has begun
        for member in self.sending:
            self._send(member.id, "stop", {"drain_s": drain_s})

    def lose(self, member: Member, why: str, now_ns: int) -> None:
        """It is out, and the others take over what it would have sent from a moment on."""
        if member.ended:
            return
        member.gone = why
        if not self.running:
            if member.is_local:
                self.failure = self.failure or f"{member.name} is lost: {why}"
            return
        self._tell("load-worker-lost", f"{member.name} is lost: {why}", {"workers": len(self.sending)})
        if not self._end_ns and not any(other.sends or other.done for other in self.members):
            self.failure = self.failure or f"{member.name}, the last one, is lost: {why}"
        elif member.in_epochs and not self._end_ns:
            self._share(now_ns)

    def tick(self, now_ns: int) -> None:
        for member in self.sending:
            silent_ns = now_ns - member.heard_ns
            if self._give_up_ns and now_ns > self._give_up_ns:
                self.lose(member, "it did not end when it was asked to", now_ns)
            elif silent_ns > self._patience_ns(member) and now_ns + LEAD_NS > member.promised_ns:
                self.lose(member, f"nothing was heard of it for {silent_ns / _SECOND:.1f} s", now_ns)
            else:
                self._send(member.id, "lease", {"until_ns": self._promise(member)})
                self._worry(member, silent_ns)
        if self.running and not self._end_ns:
            self._let_in(now_ns)

    # ── what they say

    def hear(self, who: str, kind: str, said: dict[str, Any], now_ns: int) -> None:
        member = self._members.get(who)
        if kind == "hello":
            self.hello(who, said, now_ns)
        elif member is not None:
            self._hear(member, kind, said, now_ns)

    def _hear(self, member: Member, kind: str, said: dict[str, Any], now_ns: int) -> None:
        if kind == "pong":
            member.hear_pong(Pong(int(said["asked_ns"]), int(said["theirs_ns"]), now_ns))
            if member.clock is None:
                self._ping(member, now_ns)
        elif kind == "ready":
            member.engine = said
        elif kind == "sum":
            member.total, member.fresh_total, member.heard_ns = said, True, now_ns
        elif kind == "chunk":
            self._take(member, int(said["number"]), bytes(said["rows"]), now_ns)
        elif kind == "done":
            self._end(member, said, now_ns)
        elif kind == "died":
            self.lose(member, str(said["why"]), now_ns)

    def _take(self, member: Member, number: int, packed: bytes, now_ns: int) -> None:
        assert self._harvest
        if member.chunks == number:
            try:
                rows = self._harvest.take(member.number, packed)
            except ValueError as error:
                self.lose(member, f"what it sent cannot be read: {error}", now_ns)
                return
            member.add_chunk(number, rows.tobytes())
        self._send(member.id, "ack", {"number": number})

    def _end(self, member: Member, said: dict[str, Any], now_ns: int) -> None:
        member.total = said["total"]
        if said["reason"] in ("schedule", "stop") or member.gone:
            member.done = said
            if not member.is_whole():
                self._tell("load-rows-differ", f"the rows of {member.name} are not all here", {"chunks": member.chunks})
        elif said["reason"] == "lease":
            self.lose(member, f"it stopped by itself, {LEASE_NS / _SECOND:g} s after it was last heard of", now_ns)
        else:
            self.lose(member, f"its engine ended: {said['reason']}", now_ns)

    # ── the rows that are missing

    def lost(self, end_ns: int) -> Numbers:
        """Arrivals that were due, of workers that took what became of them along. Each such worker is told."""
        assert self._harvest
        due, found = self._harvest.due_by((self._end_ns or end_ns) - self._t0), [np.zeros(0, np.int64)]
        unseen = self._harvest.unseen(0, due)
        for member in self.members:
            if member.in_epochs and (member.gone or not member.is_whole()):
                missing = np.intersect1d(unseen, self._epochs.share(member.id, 0, due))
                self._tell_missing(member, missing)
                found.append(missing)
        return np.concatenate(found)

    def _tell_missing(self, member: Member, missing: Numbers) -> None:
        text = f"{len(missing)} arrivals of {member.name} have no outcome"
        detail: dict[str, Any] = {"missing": len(missing)}
        if len(missing):
            detail |= {"first": int(missing[0]), "last": int(missing[-1])}
            text += f": of the numbers {detail['first']} to {detail['last']}"
        self._tell("load-missing", text, detail)

    # ── small helpers

    def _ping(self, member: Member, now_ns: int) -> None:
        self._send(member.id, "ping", {"asked_ns": now_ns})

    def _enlist(self, member: Member) -> None:
        if self._profile is not None:
            self._send(member.id, "prepare", {"profile": self._profile.to_dict()})

    def _count_in(self, members: list[Member], now_ns: int) -> None:
        """All of them before any is told: how long a lease is depends on how many there are."""
        for member in members:
            member.started = member.in_epochs = True
            member.heard_ns = now_ns

    def _begin(self, member: Member) -> None:
        self._send(
            member.id,
            "start",
            {
                "member": member.id,
                "t0_ns": member.theirs_ns(self._t0),
                "origin_ns": member.theirs_ns(self._origin),
                "epochs": self._epochs.to_list(),
                "lease_ns": self._promise(member),
            },
        )

    def _let_in(self, now_ns: int) -> None:
        """Workers that came while the load was running."""
        new = [member for member in self.ready if not member.in_epochs]
        if new:
            self._count_in(new, now_ns)
            self._share(now_ns, new)
            for member in new:
                self._tell("load-worker-joined", f"{member.name} has joined", {"workers": len(self.sending)})

    def _share(self, now_ns: int, new: list[Member] | None = None) -> None:
        assert self._harvest
        first = self._harvest.due_by(now_ns - self._t0 + LEAD_NS)
        self._epochs = self._epochs.changed(first, [member.id for member in self.sending])
        for member in self.sending:
            if new and member in new:
                self._begin(member)
            else:
                self._send(member.id, "epochs", {"epochs": self._epochs.to_list()})

    def _promise(self, member: Member) -> int:
        """Until when it may send, on its clock. A shorter promise may not reach it: the longest one counts."""
        until_ns = member.heard_ns + (PATIENCE_NS - _SECOND if self._alone(member) else LEASE_NS)
        member.promised_ns = max(member.promised_ns, until_ns)
        return member.theirs_ns(until_ns)

    def _worry(self, member: Member, silent_ns: int) -> None:
        if silent_ns > DETECTION_NS and not member.worried:
            self._tell("load-worker-silent", f"nothing is heard of {member.name}", {})
        member.worried = silent_ns > DETECTION_NS

    def _alone(self, member: Member) -> bool:
        return member.is_local and len(self.sending) == 1

    def _patience_ns(self, member: Member) -> int:
        return PATIENCE_NS if self._alone(member) else DETECTION_NS
