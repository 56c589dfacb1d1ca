"""Which worker serves a connection of ours, and whether every worker answers.

A keep-alive connection is served by one worker for as long as it lasts. After its first answer the other end of the
socket has an owner in the kernel's table, and one of the workers holds it: no help from the app is needed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from harness.deployment import Deployment
from harness.probes.http import Answer, Connection, connect, get_request
from harness.system.clock import Clock
from harness.system.sockets import holder

FIRST_ANSWER_S = 1.0


@dataclass(frozen=True, slots=True)
class Owned:
    """A connection after its first answer, and the worker that serves it (−1: none of those asked for)."""

    connection: Connection
    answer: Answer
    pid: int


async def ask_owner(
    deployment: Deployment, path: str, clock: Clock, pids: Iterable[int], timeout_s: float = FIRST_ANSWER_S
) -> Owned | Answer:
    """Open a connection, ask once, find who serves it. The caller closes it; an Answer means that there is none."""
    opened = await connect(deployment.address, clock, timeout_s)
    if isinstance(opened, Answer):
        return opened
    try:
        answer = await opened.ask(get_request(deployment.address, path), timeout_s)
    except asyncio.CancelledError:
        opened.close()
        raise
    if answer.outcome != "answered":
        opened.close()
        return answer
    return Owned(opened, answer, holder(opened.server_inode(), pids))


async def answer_by_each_worker(deployment: Deployment, path: str, wanted: int, deadline_s: float) -> set[int]:
    """Ask on new connections until `wanted` distinct workers answered well; those that did until the deadline.

    At boot an open port says nothing: the supervisor listens before its workers can answer (T07). The connections stay
    open until the end, so that a worker that has many is not the one that is quickest to take the next.
    """
    clock = Clock.start()
    answered: set[int] = set()
    kept: list[Connection] = []
    try:
        while clock.now_ns() < deadline_s * 1e9:
            pids = tuple(deployment.workers())
            answered &= set(pids)
            if len(answered) >= wanted:
                break
            left_s = deadline_s - clock.now_ns() / 1e9
            found = await ask_owner(deployment, path, clock, pids, max(min(FIRST_ANSWER_S, left_s), 0.01))
            if isinstance(found, Owned):
                kept.append(found.connection)
                if found.answer.good and found.pid > 0:
                    answered.add(found.pid)
            if len(kept) > 4 * wanted:
                kept.pop(0).close()
            await asyncio.sleep(0.005 if isinstance(found, Owned) and found.answer.good else 0.05)
    finally:
        for connection in kept:
            connection.close()
    return answered
