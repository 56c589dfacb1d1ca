"""The HTTP dependency answers five seconds late, for eight seconds.

A call without a timeout, or one that blocks the event loop, takes the whole worker with it.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="dependency-slow",
    asks="Does the rest of the service go on when the service that it calls is slow?",
    finds=("F01", "F03", "F59"),
    requires=("http",),
    faults=(fault("dependency.slow", for_s=8, latency_ms=5000),),
    ready="up",
)
