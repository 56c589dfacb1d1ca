"""The service comes up: every worker answers.

A service that does not start has failed, whatever was to be tried with it; nothing else is judged then. Where a fault
starts it once more, that start counts as the first one does. So a boot that hangs without end is found, one that needs
the database, and every plain mistake in the settings. The 30 s that it may take are those of Kubernetes' probes (three
failures, 10 s apart); two workers on two busy cores needed up to 3.7 s.

Finds F11 (boot without an end) and F12 (boot needs the database).
"""

from harness.model.fault_traits import has_trait
from harness.model.observation import BootEnded
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import STARTS, Check, failed, inconclusive, passed
from .facts.settings import starts_without_parts

_TAIL_CHARS = 8000


def judge(record: TrialRecord, _limits: Limits) -> Verdict:
    ended = record.of(BootEnded)
    if not ended:
        return inconclusive(STARTS, "The record ends before the service had come up or given up.")
    boot = next((seen for seen in ended if not seen.ok), ended[0])
    took_s = (boot.done_ns - boot.sent_ns) / 1e9
    evidence: dict[str, object] = {"took_s": took_s, "workers": record.trial.workers}
    if boot.ok:
        again = f" It came up {len(ended)} times in this trial." if len(ended) > 1 else ""
        why = f"{record.trial.workers} workers answered after {took_s:.1f} s.{again}"
        return passed(STARTS, why, evidence=evidence)
    again = f" again{_meanwhile(record)}" if boot is not ended[0] else ""
    return failed(
        STARTS,
        f"The service did not come up{again} in {took_s:.1f} s: {boot.why.rstrip('.')}.",
        evidence=evidence | {"log_tail": boot.log_tail[-_TAIL_CHARS:]},
        advice="Read the last lines of its log (server.log of the trial has all of it) for a setting or an import that"
        f" is wrong. If it waits for a part, or fails without it, {starts_without_parts(record.trial)}.",
    )


def _meanwhile(record: TrialRecord) -> str:
    """What was done to it when it was started once more."""
    names = [use.id for use in record.trial.scenario.faults if has_trait(use.id, "returns")]
    return f" ({', '.join(names)})"


CHECK = Check(STARTS, "Does the service come up?", judge, finds=("F11", "F12"))
