"""A load of flows, from the profile to the last row. The self-test and the real load are both one of these."""

import resource
from collections.abc import Sequence
from typing import Any, Literal

import gevent
import gevent.event
from locust import User
from locust.event import Events

from harness.load.flows.book import TellLines
from harness.load.flows.engine import Engine
from harness.load.flows.flow import current_flow
from harness.load.messages import Done
from harness.load.profile import Profile
from harness.load.row_writer import RowWriter


class FlowRun:
    def __init__(
        self,
        profile: Profile,
        rows_file: str,
        classes: Sequence[type[User]],
        tell: TellLines,
        *,
        model: Literal["open", "closed"] = "open",
        users: int = 0,
        events: Events | None = None,
    ) -> None:
        self._rows = RowWriter(rows_file)
        self.engine = Engine(profile, self._rows, classes, tell, model=model, users=users, events=events)
        self.connections = users if model == "closed" else profile.connection_limit()
        self.engine.environment.events.request.add_listener(_hear)  # type: ignore[no-untyped-call]
        self.finished: Any = gevent.event.Event()

    def begin(self) -> None:
        """It waits for the engine's start."""
        gevent.spawn(self._drive)

    def _drive(self) -> None:
        try:
            self.engine.run()
        except Exception as error:
            self.engine.failure = self.engine.failure or error
            raise
        finally:
            self.finished.set()

    def end(self) -> Done:
        self._rows.close()
        total = self.engine.environment.stats.total
        done = Done(
            **self.engine.totals(),
            reason=self.engine.reason,
            rows=self._rows.count,
            connections_opened=self.engine.connections_opened,
            max_rss_kb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            locust_requests=int(total.num_requests),
            locust_failures=int(total.num_failures),
        )
        self.engine.runner.quit()
        return done


def _hear(request_type: Any, name: Any, exception: Any = None, **_: Any) -> None:
    """What the flow says of the answer to its request: Locust's event, in the greenlet that asked."""
    flow = current_flow()
    if flow is not None:
        flow.told(str(request_type), str(name), exception is not None)
