"""The HTTP dependency answers half of its requests with 503, for eight seconds.

Who asks again without a limit multiplies the load of a service that is in trouble already.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="dependency-errors",
    asks="Does the rest of the service go on when half of its calls to another service fail?",
    finds=("F59", "F60"),
    requires=("http",),
    faults=(fault("dependency.error", for_s=8, share_percent=50),),
    ready="up",
)
