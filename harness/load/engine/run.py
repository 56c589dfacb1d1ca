"""A load from the profile to the last row. The self-test and the real load are both one of these."""

import asyncio
import resource

from harness.load.engine.engine import Engine
from harness.load.messages import Done
from harness.load.profile import Profile
from harness.load.row_writer import RowWriter

_NO_LOCUST = -1


class Run:
    def __init__(self, profile: Profile, rows_file: str) -> None:
        self.finished = asyncio.Event()
        self._rows = RowWriter(rows_file)
        self.engine = Engine(profile, self._rows, self.finished.set)

    def end(self) -> Done:
        self._rows.close()
        return Done(
            **self.engine.totals(),
            reason=self.engine.reason,
            rows=self._rows.count,
            connections_opened=self.engine.connections_opened,
            max_rss_kb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            locust_requests=_NO_LOCUST,
            locust_failures=_NO_LOCUST,
        )
