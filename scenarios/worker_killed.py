"""One worker is killed (SIGKILL), as by the out-of-memory killer.

It loses what it had in flight and nothing more, and another takes its place.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-killed",
    asks="Does losing one worker cost only what it had in hand, and is it replaced?",
    finds=("F07", "F08", "F10"),
    fault_s=4,
    faults=(fault("worker.kill"),),
    ready="up",
    min_workers=2,
)
