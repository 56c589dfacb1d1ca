"""The limits around a request: its own deadline, the proxy's, the client's."""

from __future__ import annotations

import math

from harness.tuning.timeouts.given import Given, Step, of_silence
from harness.tuning.times import Times

_LONGER_S = 4.0


def request_limit_s(given: Given) -> float:
    """A little below the promise, so that the answer is there in time."""
    return round(given.deadline_s - min(1.0, given.deadline_s / 10), 3)


def of_the_request(times: Times, given: Given, request_s: float) -> list[Step]:
    """A client that waits for less than the promise has to wait for longer."""
    request = given.in_the_app(
        "request",
        request_s,
        f"A little below the promised {given.deadline_s:g} s (slo.deadline_s), so that the 504 is there in time.",
        of_silence(times, request_s),
    )
    client = _client(given)
    proxy_s = (given.deadline_s + client.seconds) / 2
    proxy = given.setting(
        "proxy.read_timeout_s",
        proxy_s,
        f"Above the promised {given.deadline_s:g} s, for an answer of the service says more, and below the client's"
        f" {client.seconds:g} s.",
        "There was no proxy of yours in front.",
    )
    return [Step("request", request_s, request), Step("proxy", proxy_s, proxy), client]


def _client(given: Given) -> Step:
    if given.client_s > given.deadline_s:
        return Step("client", given.client_s)
    client_s = math.ceil(given.deadline_s + _LONGER_S)
    why = (
        f"It gives up after {given.client_s:g} s (load.timeout_s), before the promised {given.deadline_s:g} s are over."
    )
    setting = given.setting("client.timeout_s", client_s, why, "No client of a trial waited for so long.")
    return Step("client", client_s, setting)
