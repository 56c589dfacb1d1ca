"""One worker more under load, and back again.

A worker that comes must not answer before it can, and the one that goes afterwards must finish what it has.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="scaled-up",
    asks="Does the service take one worker more, and give it up again, without losing a request?",
    finds=("F22",),
    faults=(fault("server.scale-up", for_s=8),),
    ready="up",
    min_workers=2,
)
