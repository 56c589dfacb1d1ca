"""Password hashes of the reference API: equal work for everybody, fresh parameters, and a bound on the crowd."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest
from argon2 import PasswordHasher
from fastapi import HTTPException

from target_api.passwords import AT_ONCE, HASHER, QUEUED, Checked, Passwords

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def with_passwords(work: Callable[[Passwords], Awaitable[None]]) -> None:
    async def main() -> None:
        passwords = Passwords(QUICK)
        try:
            await work(passwords)
        finally:
            passwords.close()

    asyncio.run(main())


def test_the_parameters_are_those_of_argon2id_that_owasp_asks_for() -> None:
    assert HASHER.hash("anything").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_a_password_is_right_or_wrong() -> None:
    async def work(passwords: Passwords) -> None:
        stored = await passwords.hash("correct horse")
        assert await passwords.check(stored, "correct horse") == Checked(right=True)
        assert await passwords.check(stored, "correct house") == Checked(right=False)
        assert await passwords.check("not a hash", "correct horse") == Checked(right=False)

    with_passwords(work)


def test_an_unknown_name_costs_a_real_verification() -> None:
    class Counting(PasswordHasher):
        verified = 0

        def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
            type(self).verified += 1
            return super().verify(hash, password)

    async def main() -> None:
        passwords = Passwords(Counting(time_cost=1, memory_cost=8, parallelism=1))
        assert await passwords.check(None, "correct horse") == Checked(right=False)
        assert passwords.decoy.startswith("$argon2id$v=19$m=8,t=1,p=1$")
        passwords.close()

    asyncio.run(main())
    assert Counting.verified == 1


def test_a_hash_with_other_parameters_is_made_anew_when_the_password_is_right() -> None:
    old = PasswordHasher(time_cost=2, memory_cost=16, parallelism=1).hash("correct horse")

    async def work(passwords: Passwords) -> None:
        assert (await passwords.check(old, "correct house")).fresh_hash is None
        fresh = (await passwords.check(old, "correct horse")).fresh_hash
        assert fresh is not None
        assert await passwords.check(fresh, "correct horse") == Checked(right=True)

    with_passwords(work)


def test_a_crowd_is_refused_at_once_and_places_come_back_with_their_threads() -> None:
    async def work(passwords: Passwords) -> None:
        release = threading.Event()
        crowd = [asyncio.create_task(passwords.run(release.wait)) for _ in range(AT_ONCE + QUEUED)]
        await asyncio.sleep(0)
        with pytest.raises(HTTPException) as caught:
            await passwords.hash("correct horse")
        assert (caught.value.status_code, caught.value.headers) == (503, {"Retry-After": "1"})
        for request in crowd:  # their clients are gone, but the threads still work
            request.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)
        with pytest.raises(HTTPException):
            await passwords.hash("correct horse")
        release.set()
        async with asyncio.timeout(10):
            while passwords.taken:
                await asyncio.sleep(0.01)
        assert await passwords.hash("correct horse")

    with_passwords(work)
