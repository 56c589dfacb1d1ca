"""Passwords: hashed with argon2id, in threads of their own, a few at once.

A hash takes tens of milliseconds of a core and 19 MiB on purpose. On the event loop it would stop every other request
of the worker; without a bound, a crowd at the door would take the CPU from those inside.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import HTTPException

AT_ONCE = 2
QUEUED = 8  # at some 30 ms each, the last in the queue waits for a fraction of a second

# The least that OWASP's cheat sheet recommends for argon2id: 19 MiB, two passes, one lane.
HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checked:
    right: bool
    fresh_hash: str | None = None  # the stored one was made with other parameters: replace it


class Passwords:
    def __init__(self, hasher: PasswordHasher = HASHER) -> None:
        self.hasher = hasher
        self.threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="argon2")
        self.taken = 0
        self.decoy = hasher.hash(secrets.token_urlsafe())

    async def hash(self, password: str) -> str:
        return await self.run(partial(self.hasher.hash, password))

    async def check(self, stored: str | None, password: str) -> Checked:
        """`stored` is None for an unknown name: it costs the same work, so that the time does not tell who exists."""
        checked = await self.run(partial(check, self.hasher, stored or self.decoy, password))
        return checked if stored is not None else Checked(right=False)

    async def run(self, work: Callable[[], T]) -> T:
        if self.taken >= AT_ONCE + QUEUED:
            raise HTTPException(503, "Too many passwords are being checked.", headers={"Retry-After": "1"})
        self.taken += 1
        running = asyncio.get_running_loop().run_in_executor(self.threads, work)
        running.add_done_callback(self.give_back)
        # The place is free when the thread is, not when a request has given up waiting for it.
        return await asyncio.shield(running)

    def give_back(self, running: "asyncio.Future[T]") -> None:
        self.taken -= 1
        if not running.cancelled():
            running.exception()  # marks it as seen, where nobody waits for it any more

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


def check(hasher: PasswordHasher, stored: str, password: str) -> Checked:
    try:
        hasher.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return Checked(right=False)
    return Checked(True, hasher.hash(password) if hasher.check_needs_rehash(stored) else None)
