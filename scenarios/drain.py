"""SIGTERM under load, with requests in flight: a deployment.

What the server has in hand must be answered, and it must leave in time.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="drain",
    asks="Are the requests in hand answered when the service is asked to end, and does it end in time?",
    finds=("F14", "F15", "F16", "F18", "F30", "F34", "F62"),
    faults=(fault("server.sigterm"),),
    ready="any",
)
