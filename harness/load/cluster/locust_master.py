"""Locust's master: membership, transport, statistics, events and, on demand, its web page.

Locust counts what the workers report of their engines' rows. That is a view, rounded and without what is still open;
what is judged are the rows.
"""

import time
from collections.abc import Callable
from typing import Any

import gevent
from flask import Response, request
from locust.env import Environment
from locust.runners import MasterRunner

from harness.load.cluster.locust_token import EngineToken
from harness.load.cluster.talk import FROM_WORKER, kind_of, on_wire
from harness.load.profile import Profile

Heard = Callable[[str, str, dict[str, Any], int], None]

_READ_ONLY = ("/swarm", "/stop", "/stats/reset")


class MasterSide:
    def __init__(self, host: str, port: int) -> None:
        self._heard: Heard | None = None
        self.environment = Environment(user_classes=[EngineToken])
        self.runner: MasterRunner = self.environment.create_master_runner(host, port)
        for kind in FROM_WORKER:
            self.runner.register_message(on_wire(kind), self._hear)

    def listen(self, heard: Heard) -> None:
        """It is called with a worker's id, the kind of its message, the fields, and our moment."""
        self._heard = heard

    def show(self, host: str, port: int) -> None:
        """Serve Locust's page, to look at only: the load begins and ends with the run that it is part of."""
        web = self.environment.create_web_ui(host, port, delayed_start=True)
        assert web.app is not None
        web.app.before_request(_refuse_control)
        web.start()  # type: ignore[no-untyped-call]

    def send(self, worker: str, kind: str, fields: dict[str, Any]) -> None:
        self.runner.send_message(on_wire(kind), fields, worker)

    def begin(self, profile: Profile, workers: int) -> None:
        """To Locust, each engine is a user that runs."""
        self.environment.host = f"http://{profile.host}:{profile.port}"
        gevent.spawn(self.runner.start, workers, workers)

    @property
    def requests(self) -> int:
        return int(self.environment.stats.total.num_requests)

    @property
    def failures(self) -> int:
        return int(self.environment.stats.total.num_failures)

    def end(self) -> None:
        self.runner.quit()
        if self.environment.web_ui is not None:
            self.environment.web_ui.stop()  # type: ignore[no-untyped-call]

    def _hear(self, environment: Environment, msg: Any, **_: Any) -> None:
        if self._heard is not None:
            self._heard(msg.node_id, kind_of(msg.type), msg.data, time.monotonic_ns())


def _refuse_control() -> Response | None:
    if request.path in _READ_ONLY:
        return Response("This load belongs to a run of Shakedown, which begins and ends it.\n", 403)
    return None
