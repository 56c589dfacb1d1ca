"""A load under Locust, from the profile to the last row. The self-test and the real load are both one of these."""

import resource
from typing import Any

import gevent.event

from harness.load.locust_engine import Engine
from harness.load.locust_user import LocustSide
from harness.load.messages import Done
from harness.load.profile import Profile
from harness.load.row_writer import RowWriter


class LocustRun:
    def __init__(self, profile: Profile, rows_file: str) -> None:
        self._locust = LocustSide(profile)
        self._rows = RowWriter(rows_file)
        self.engine = Engine(profile, self._rows, self._locust.report)
        self.connections = profile.connection_limit()
        self.finished: Any = gevent.event.Event()

    def begin(self) -> None:
        """The user stands ready and waits for the engine's start."""
        self._locust.begin(self._drive)

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
        done = Done(
            **self.engine.totals(),
            reason=self.engine.reason,
            rows=self._rows.count,
            connections_opened=self.engine.connections_opened,
            max_rss_kb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            locust_requests=self._locust.requests,
            locust_failures=self._locust.failures,
        )
        self._locust.end()
        return done


def make_run(command: dict[str, Any]) -> LocustRun:
    """What a prepare command asks for."""
    return LocustRun(Profile.from_dict(command["profile"]), str(command["rows_file"]))
