"""The machine was fit to judge: the harness's own loop and a trivial server beside the app answered in time.

Without a control of its own a harness blames the app for its neighbours: at load average 4 to 5 on two cores healthy
services broke a bound in 6 of 16 trials (T34). A hiccup is dealt with where it happens (facts/machine.py); this premise
says no only where more than a tenth of the time from the baseline on was lost. The limits: 100 ms of the harness's loop
is a tenth of a probe's usual timeout, 250 ms of a trivial server is the usual SLO of a whole request.

A Toxiproxy that hung and was started anew has cut every connection, which no service is to blame for.

Finds no failure mode of a service: it keeps the machine's trouble from being told as one.
"""

from harness.model.observation import PROXY_RENEWED, MachineSampled, Noted
from harness.model.record import TrialRecord
from harness.model.target import Limits
from harness.model.verdict import Verdict

from .check import MACHINE_FIT, STARTS, Check, inconclusive, passed
from .facts.machine import late, unfit_spans

GROSS_SHARE = 0.10
_MIN_SAMPLES = 10


def judge(record: TrialRecord, limits: Limits) -> Verdict:
    renewed = [seen.text for seen in record.of(Noted) if seen.what == PROXY_RENEWED]
    if renewed:
        why = f"The proxy before the service's links hung in this trial. {renewed[0]}"
        return inconclusive(MACHINE_FIT, why, evidence={"renewed": len(renewed)}, advice="Repeat the trial.")
    baseline = record.phase("baseline")
    start = baseline.start_ns if baseline else 0
    samples = [seen for seen in record.of(MachineSampled) if seen.done_ns >= start]
    if len(samples) < _MIN_SAMPLES:
        why = f"The machine was sampled {len(samples)} times from the baseline on; {_MIN_SAMPLES} are needed."
        return inconclusive(MACHINE_FIT, why)
    bad = [seen for seen in samples if late(seen, limits)]
    share = len(bad) / len(samples)
    evidence: dict[str, object] = {
        "samples": len(samples),
        "late": len(bad),
        "worst_loop_lag_ms": max(seen.loop_lag_ms for seen in samples),
        "worst_control_ms": max(seen.control_ms for seen in samples),
        "unanswered_controls": sum(seen.control_ms < 0 for seen in samples),
        "worst_steal_share": max(seen.steal_share for seen in samples),
        "worst_foreign_cpu_share": max(seen.foreign_cpu_share for seen in samples),
        "mean_cpu_pressure_share": sum(seen.cpu_pressure_share for seen in samples) / len(samples),
        "unfit_s": [[span.start_ns / 1e9, span.end_ns / 1e9] for span in unfit_spans(record, limits)][:10],
    }
    counted = f"{len(bad)} of {len(samples)} samples were late ({share:.0%}, limit {GROSS_SHARE:.0%})"
    if share > GROSS_SHARE:
        why = f"The machine was not fit to judge: {counted}; the first: {late(bad[0], limits)}."
        advice = "Repeat on a quieter machine, or with a lower rate."
        return inconclusive(MACHINE_FIT, why, evidence=evidence, advice=advice, limits={"late_share": GROSS_SHARE})
    return passed(
        MACHINE_FIT, f"The machine was fit: {counted}.", evidence=evidence, limits={"late_share": GROSS_SHARE}
    )


CHECK = Check(MACHINE_FIT, "Was the machine fit to judge?", judge, premises=(STARTS,))
