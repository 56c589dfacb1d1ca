"""One worker less under load, and back again.

The worker that goes must finish what it has in hand, and the rest must carry the load.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="scaled-down",
    asks="Does the service give up one worker, and get another, without losing a request?",
    finds=("F22",),
    faults=(fault("server.scale-down", for_s=8),),
    ready="up",
    min_workers=2,
)
