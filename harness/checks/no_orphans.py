"""Nothing of the deployment outlives it.

Workers whose supervisor died go on serving old code and hold the port; with SO_REUSEPORT old and new answer side by
side. They are found by a mark in their environment and as children that we inherit; zombies are not counted. The 5 s
are what gunicorn's own workers took to notice that their supervisor was gone (4.6 s).

Finds F09 (workers outlive their supervisor), F16 (stuck worker holds up SIGTERM) and F27 (shell swallows SIGTERM).
"""

from harness.model.observation import OrphansScanned
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import STARTS, Check, failed, inconclusive, passed
from .facts.settings import grace

NAME = "no-orphans"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    scans = record.of(OrphansScanned)
    if not scans:
        return inconclusive(NAME, "Nobody looked for processes left after the deployment's end.")
    scan = scans[-1]
    looked_s = (scan.done_ns - scan.sent_ns) / 1e9
    evidence: dict[str, object] = {"pids": list(scan.pids), "commands": list(scan.commands)[:10], "looked_s": looked_s}
    bound = {"orphan_s": limits.orphan_s}
    if not scan.pids:
        why = f"No process of the deployment was left {looked_s:.1f} s after its end (limit {limits.orphan_s:g} s)."
        return passed(NAME, why, evidence=evidence, limits=bound)
    if looked_s < limits.orphan_s:
        why = (
            f"{len(scan.pids)} processes were left, but the scan ended after {looked_s:.1f} s of {limits.orphan_s:g} s."
        )
        return inconclusive(NAME, why, evidence=evidence, limits=bound)
    return failed(
        NAME,
        f"{len(scan.pids)} processes of the deployment were alive {looked_s:.1f} s after its end (limit"
        f" {limits.orphan_s:g} s).",
        evidence=evidence,
        advice="Start the server with `exec` (a shell swallows SIGTERM) and end all of it as one: docker run --init,"
        f" systemd KillMode=control-group with TimeoutStopSec above {grace(record.trial)}. What workers start should"
        " ask for PR_SET_PDEATHSIG = SIGKILL, for nobody signals it once its parent is gone.",
        limits=bound,
    )


CHECK = Check(NAME, "Is anything of the deployment left?", judge, premises=(STARTS,), finds=("F09", "F16", "F27"))
