"""Twice the rate comes on top of the load, for four seconds.

What comes faster than it can be answered waits in a queue, and one without a limit is still full when the burst has
gone by.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="burst",
    asks="Does the service stay alive and ready in a burst, and is it itself again right after it?",
    finds=("F38", "F53"),
    faults=(fault("client.burst", for_s=4, multiple=2),),
    ready="up",
)
