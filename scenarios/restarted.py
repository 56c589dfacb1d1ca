"""The service is ended in order and started again, under load: a deployment that replaces nothing before it ends.

While it is away connections are refused, which is this kind of deployment and told. What was in hand at SIGTERM must be
answered, what was acknowledged must be stored, and the second start must be as good as the first.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="restarted",
    asks="Is all in hand answered when the service is stopped, and is it as good as before once it is started again?",
    finds=("F14", "F15", "F30", "F34"),
    faults=(fault("server.restart", for_s=6),),
    ready="any",
)
