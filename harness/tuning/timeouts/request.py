"""The limits around a request: its own deadline, the proxy's, the client's."""

from __future__ import annotations

import math

from harness.tuning.recommendation import Setting
from harness.tuning.timeouts.given import Given, Step, of_silence
from harness.tuning.times import Times

_LONGER_S = 4.0
_NO_PROXY = "There was no proxy of yours in front."
_SO_LONG = "No client of a trial waited for so long."


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
    return [Step("request", request_s, request), _proxy(given, client.seconds), client]


def _proxy(given: Given, client_s: float) -> Step:
    """What is declared stays where it is in order."""
    declared_s = given.proxy_s
    if declared_s is not None and given.deadline_s < declared_s < client_s:
        return Step("proxy", declared_s)
    proxy_s = (given.deadline_s + client_s) / 2
    not_so = "" if declared_s is None else f"; the {declared_s:g} s of now (target.proxy_timeout_s) are not"
    reason = (
        f"Above the promised {given.deadline_s:g} s, for an answer of the service says more, and below the client's"
        f" {client_s:g} s{not_so}."
    )
    setting = Setting("proxy.read_timeout_s", declared_s, proxy_s, reason, untested=_NO_PROXY)
    return Step("proxy", proxy_s, setting)


def _client(given: Given) -> Step:
    """Where nobody says how long clients wait, a proxy that fits the promise is what they have to fit."""
    proxy_s = given.proxy_s or 0.0
    if not given.client_declared and given.client_s > given.deadline_s and given.client_s <= proxy_s:
        why = f"Above the {proxy_s:g} s that the proxy waits (target.proxy_timeout_s), so its answer reaches somebody."
        return _longer(given, proxy_s, why)
    if given.client_s > given.deadline_s:
        return Step("client", given.client_s)
    why = (
        f"It gives up after {given.client_s:g} s (load.timeout_s), before the promised {given.deadline_s:g} s are over."
    )
    return _longer(given, given.deadline_s, why)


def _longer(given: Given, than_s: float, why: str) -> Step:
    client_s = math.ceil(than_s + _LONGER_S)
    return Step("client", client_s, given.setting("client.timeout_s", client_s, why, _SO_LONG))
