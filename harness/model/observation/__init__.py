"""What was seen during a trial: one typed line each, in the order of writing.

Every observation is stamped when the act began (`sent_ns`) and when it was complete (`done_ns`), in nanoseconds of the
monotonic clock since the trial's origin. −1 stands for "not known".
"""

from __future__ import annotations

from harness.model.observation.around import DatabaseSampled, KeysStored, MachineSampled, PathSampled, SessionLimits
from harness.model.observation.asked import InFlightEnded, PinEnded, ProbeAnswered, ProbeOutcome, WorkerPinned
from harness.model.observation.course import PROXY_RENEWED, FaultChanged, Noted, PhaseBegan, PhaseName, TrialEnded
from harness.model.observation.load import LoadEnded, LoadLines, LoadStarted, LoadSummed
from harness.model.observation.server import (
    BootEnded,
    LogNoted,
    OrphansScanned,
    ProcessSampled,
    ServerStopped,
    StackTaken,
    WorkersSeen,
)

__all__ = [
    "PROXY_RENEWED",
    "BootEnded",
    "DatabaseSampled",
    "FaultChanged",
    "InFlightEnded",
    "KeysStored",
    "LoadEnded",
    "LoadLines",
    "LoadStarted",
    "LoadSummed",
    "LogNoted",
    "MachineSampled",
    "Noted",
    "Observation",
    "OrphansScanned",
    "PathSampled",
    "PhaseBegan",
    "PhaseName",
    "PinEnded",
    "ProbeAnswered",
    "ProbeOutcome",
    "ProcessSampled",
    "ServerStopped",
    "SessionLimits",
    "StackTaken",
    "TrialEnded",
    "WorkerPinned",
    "WorkersSeen",
]

Observation = (
    PhaseBegan
    | FaultChanged
    | ProbeAnswered
    | WorkerPinned
    | PinEnded
    | WorkersSeen
    | ProcessSampled
    | MachineSampled
    | DatabaseSampled
    | SessionLimits
    | PathSampled
    | LogNoted
    | LoadSummed
    | LoadStarted
    | LoadLines
    | LoadEnded
    | InFlightEnded
    | StackTaken
    | ServerStopped
    | OrphansScanned
    | KeysStored
    | Noted
    | BootEnded
    | TrialEnded
)
