"""Timeouts fire in the right order: whoever waits inside gives up before whoever waits outside.

The inequalities are those of harness/model/ladder.py, and each is judged in the scenario that shows it: a table that is
locked, a part that is silent for longer than the deadline, SIGTERM. What stands in a setting is read, what only the app
knows is measured there (facts/rungs.py). A limit that is nowhere to be seen accuses nobody: an app may have no
statement_timeout, and its own limits are not ours to know. But a request that nothing ended before its client did has
no deadline, whatever the settings say. Three requests show who was first; one or two may be chance. The slack is that
of `requests-bounded`, for the two tell the same times.

Finds F14 (cut at the end of the grace), F30 (lifespan that does not end), F33 (one deadline on both sides), F36
(half-open connection) and F37 (timeout costs twice).
"""

import math

from harness.model.record import Span, TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import FAULT_PROVEN, LOAD_PROVEN, MACHINE_FIT, STARTS, Check, failed, passed
from .facts.machine import unless_unfit
from .facts.rungs import Pair, pairs

NAME = "timeouts-ordered"


def applies(record: TrialRecord) -> str | None:
    shown = pairs(record, record.trial.limits)
    if any(pair.state != "unknown" for pair in shown):
        return None
    if shown:
        return f"what was seen does not show which of two limits is the first ({shown[0].inequality.name})"
    return "nothing in this trial shows which of two limits is the first"


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    shown = [pair for pair in pairs(record, limits) if pair.state != "unknown"]
    inverted = [pair for pair in shown if pair.state == "inverted"]
    evidence: dict[str, object] = {"pairs": [_plain(pair) for pair in shown]}
    bound = {"deadline_s": record.trial.slo.deadline_s, "answer_slack_s": limits.answer_slack_s}
    if not inverted:
        told = "; ".join(f"{pair.inequality.name}: {_told(pair)}" for pair in shown)
        return passed(
            NAME, f"What this trial shows of the timeouts is in order: {told}.", evidence=evidence, limits=bound
        )
    told = "; ".join(f"{pair.inequality.name} does not hold: {_told(pair)}, {pair.saw}" for pair in inverted)
    verdict = failed(
        NAME,
        f"Timeouts fire in the wrong order: {told}. What that means: {inverted[0].inequality.seen}.",
        evidence=evidence,
        advice=" ".join(pair.inequality.advice for pair in inverted),
        limits=bound,
    )
    spans: list[Span] = [span for pair in inverted for span in pair.spans]
    if any(not pair.spans for pair in inverted):
        return verdict  # two settings are what they are, on any machine
    return unless_unfit(record, limits, verdict, spans)


def _told(pair: Pair) -> str:
    return ", ".join(reading.told() for reading in pair.readings)


def _plain(pair: Pair) -> dict[str, object]:
    """JSON has no infinity: a limit that is not there is told as null."""
    return {
        "pair": pair.inequality.name,
        "holds": pair.state == "ordered",
        "limits": [
            {"limit": each.rung, "s": None if math.isinf(each.seconds) else each.seconds, "source": each.source}
            for each in pair.readings
        ],
        "seen": dict(pair.counts),
    }


CHECK = Check(
    NAME,
    "Does whoever waits inside give up before whoever waits outside?",
    judge,
    applies,
    (STARTS, MACHINE_FIT, LOAD_PROVEN, FAULT_PROVEN),
    finds=("F14", "F30", "F33", "F36", "F37"),
)
