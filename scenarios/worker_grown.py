"""One worker holds 256 MB more, as after a leak, for eight seconds.

Without a limit nobody may notice. Under a limit that is too small for it the worker is killed, or its requests fail for
want of memory: then it must cost only what that worker had in hand, and another has to take its place.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-grown",
    asks="Does the service keep its objectives while one of its workers holds 256 MB more than before?",
    finds=("F07",),
    faults=(fault("worker.memory", for_s=8, grow_mb=256),),
    ready="up",
    min_workers=2,
)
