"""What watches a trial: one probe a file, all tasks on the harness's own loop, none helped by the app.

`PROBES` are those that a watch alone is enough for. The others are made in `watching.py`, which knows what they need:
pinned workers (whom to call when one is stuck), machine (the control's address), database, paths, log (the server's
words). Requests in flight are held where a server is to end.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.probes.database import DatabaseProbe
from harness.probes.inflight import InFlight, open_in_flight
from harness.probes.logs import LogProbe
from harness.probes.machine import MachineProbe
from harness.probes.orchestrator import OrchestratorProbe
from harness.probes.owners import answer_by_each_worker
from harness.probes.paths import PathSpec, PathsProbe
from harness.probes.processes import ProcessesProbe
from harness.probes.session_limits import read_session_limits
from harness.probes.stack import take_stack
from harness.probes.watch import Probe, Watch
from harness.probes.workers import PinnedProbes

PROBES: tuple[Callable[[Watch], Probe], ...] = (
    lambda watch: OrchestratorProbe(watch, "live"),
    lambda watch: OrchestratorProbe(watch, "ready"),
    ProcessesProbe,
)

__all__ = [
    "PROBES",
    "DatabaseProbe",
    "InFlight",
    "LogProbe",
    "MachineProbe",
    "OrchestratorProbe",
    "PathSpec",
    "PathsProbe",
    "PinnedProbes",
    "Probe",
    "ProcessesProbe",
    "Watch",
    "answer_by_each_worker",
    "open_in_flight",
    "read_session_limits",
    "take_stack",
]
