"""Proves, before any load, that a reset on a kept-alive connection is seen as a failure, with each of Locust's clients.

Both would send again in silence if we let them, which makes a server that cuts requests look healthy.
"""

import os
import tempfile
import time

import gevent
from locust import FastHttpUser, HttpUser, User, task

from harness.load.flows.resetting_server import ResettingServer, SelfTestFailed
from harness.load.flows.run import FlowRun
from harness.load.profile import Profile, Segment
from harness.load.rows_file import read_rows
from harness.model.request import RequestLine
from harness.model.rows import Outcome

_DEADLINE_S = 5.0


class _Fast(FastHttpUser):
    @task
    def ask(self) -> None:
        self.client.get("/self-test")


class _Plain(HttpUser):
    @task
    def ask(self) -> None:
        self.client.get("/self-test")


def self_test() -> None:
    for user in (_Fast, _Plain):
        server = ResettingServer()
        descriptor, path = tempfile.mkstemp(prefix="shakedown-self-test-")
        os.close(descriptor)
        try:
            _check(user, server, path)
        finally:
            os.unlink(path)
            server.close()


def _check(user: type[User], server: ResettingServer, path: str) -> None:
    profile = Profile(
        host="127.0.0.1",
        port=server.port,
        segments=(Segment.steady(0.03, 100),),
        requests=(RequestLine("self-test"),),
        connections=1,
        timeout_s=_DEADLINE_S,
        queue_timeout_s=_DEADLINE_S,
    )
    run = FlowRun(profile, path, [user], lambda *_: None)
    run.begin()
    now = time.monotonic_ns()
    run.engine.start(now, now)
    with gevent.Timeout(_DEADLINE_S, False):
        run.finished.wait()
    run.end()
    codes = read_rows(path)["code"].tolist()
    if codes != [Outcome.OK, Outcome.OK, Outcome.RESET_REUSED] or server.seen != 3:
        names = ", ".join(Outcome(code).name.lower() for code in codes) or "nothing"
        raise SelfTestFailed(
            f"With {user.__bases__[0].__name__}, a connection that was reset at its third request should have been seen"
            f" as two answers and one reset. Seen: {names}; the server saw {server.seen} requests."
        )
