"""Requests that the server has in hand when SIGTERM comes: does it finish them?

A POST is held by its client: the head and half of the body are sent, and a worker has accepted the connection. The rest
follows after the signal. Where no line has a body, whole requests are sent that wait for a part which the caller has
made slow. A head that is not complete is no accepted request, so that is not used.

    connect ─▶ head, half a body ─▶ accepted by a worker ─▶ SIGTERM (the caller's) ─▶ the rest ─▶ answer, or cut
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from harness.deployment import Address
from harness.model.observation import InFlightEnded, Noted
from harness.model.target import RequestLine
from harness.probes.http import Answer, Connection, connect, fill_request
from harness.probes.watch import Watch
from harness.system.sockets import inodes_of

FIRST_KEY = 1_000_000_000
ACCEPT_S = 2.0
CONNECT_S = 1.0


@dataclass(slots=True)
class _Held:
    """One request: what is still to be sent, and who has it."""

    line: RequestLine
    key: int
    rest: bytes
    answer: asyncio.Future[Answer]
    connection: Connection | None
    pid: int = -1
    accepted_ns: int = -1


class InFlight:
    """Open requests. `finish` after the signal, or `abandon`; either closes them."""

    def __init__(self, watch: Watch, held: list[_Held]) -> None:
        self._watch, self._held = watch, held

    @property
    def accepted(self) -> int:
        """How many of them a worker has in hand."""
        return sum(held.accepted_ns >= 0 for held in self._held)

    async def finish(self, within_s: float | None = None) -> None:
        """Send what is missing, wait for the answers (the client's timeout by default), and record how each ended."""
        for held in self._held:
            if held.connection is not None and held.rest and not held.answer.done():
                held.connection.send_more(held.rest)
        pending = {held.answer for held in self._held}
        try:
            if pending:
                await asyncio.wait(pending, timeout=self._watch.trial.timeout_s if within_s is None else within_s)
        finally:
            self._end()

    def abandon(self) -> None:
        """Close without an answer; nothing is recorded."""
        for held in self._held:
            if held.connection is not None:
                held.connection.close()
        self._held = []

    def _end(self) -> None:
        for held in self._held:
            if held.connection is not None:
                held.connection.give_up()
            answer = held.answer.result()
            self._watch.emit(
                InFlightEnded(
                    request=held.line.name,
                    pid=held.pid,
                    accepted_ns=held.accepted_ns,
                    outcome=answer.outcome,
                    status=answer.status,
                    key=held.key,
                    sent_ns=answer.sent_ns,
                    done_ns=answer.done_ns,
                )
            )
        self.abandon()


async def open_in_flight(
    watch: Watch,
    lines: Sequence[RequestLine],
    count: int,
    key_numbers: Iterator[int],
    *,
    slowed: str | None = None,
) -> InFlight:
    """Open `count` requests and wait until workers have accepted them.

    Keys are taken from `key_numbers`, which begin at FIRST_KEY, above those of any load. `slowed` names the part that
    the caller has made slow: requests without a body that need it are used beside those with one.
    """
    usable = usable_lines(lines, slowed)
    if not usable:
        now_ns = watch.clock.now_ns()
        text = "No request line has a body, and none needs a part that could be made slow: nothing can be held open."
        watch.emit(Noted("no-in-flight", text, {}, now_ns, now_ns))
        return InFlight(watch, [])
    held = await asyncio.gather(*(_open(watch, line, key_numbers) for line in islice(cycle(usable), count)))
    await _until_accepted(watch, held)
    return InFlight(watch, held)


def usable_lines(lines: Sequence[RequestLine], slowed: str | None) -> list[RequestLine]:
    """Lines with a body, and those that wait for the slow part; without a slow part named, any that needs one where
    no line has a body."""
    with_body = [line for line in lines if line.body]
    if slowed is not None:
        return with_body + [line for line in lines if not line.body and slowed in line.needs]
    return with_body or [line for line in lines if line.needs]


async def _open(watch: Watch, line: RequestLine, key_numbers: Iterator[int]) -> _Held:
    key = next(key_numbers) if uses_key(line) else -1
    head, body = build_request(watch.deployment.address, line, f"{watch.trial.key_prefix}-{key}")
    now_part, rest = head + body[: len(body) // 2], body[len(body) // 2 :]
    opened = await connect(watch.deployment.address, watch.clock, CONNECT_S)
    if isinstance(opened, Answer):
        settled: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        settled.set_result(opened)
        return _Held(line, key, b"", settled, None)
    return _Held(line, key, rest, opened.send(now_part), opened)


async def _until_accepted(watch: Watch, held: Sequence[_Held]) -> None:
    """Look in the kernel's table until each connection has an owner among the workers; bounded."""
    deadline_ns = watch.clock.now_ns() + int(ACCEPT_S * 1e9)
    while True:
        waiting = [item for item in held if item.connection and item.connection.open and item.accepted_ns < 0]
        if not waiting:
            return
        _find_owners(watch, waiting)
        if watch.clock.now_ns() >= deadline_ns:
            return
        await asyncio.sleep(0.01)


def _find_owners(watch: Watch, waiting: Sequence[_Held]) -> None:
    inodes = {inode: item for item in waiting if item.connection and (inode := item.connection.server_inode())}
    if not inodes:
        return
    for pid in watch.deployment.workers():
        for inode in inodes_of(pid) & inodes.keys():
            inodes[inode].pid, inodes[inode].accepted_ns = pid, watch.clock.now_ns()


def uses_key(line: RequestLine) -> bool:
    """Does the request carry a key of its own?"""
    return any("{key}" in text for text in (line.path, line.body, *(value for _, value in line.headers)))


def build_request(address: Address, line: RequestLine, key: str) -> tuple[bytes, bytes]:
    """Head and body of a line, with the key filled in."""
    headers = [(name, value.replace("{key}", key)) for name, value in line.headers]
    body = line.body.replace("{key}", key).encode()
    whole = fill_request(address, line.method, line.path.replace("{key}", key), headers, body)
    return whole[: len(whole) - len(body)], body
