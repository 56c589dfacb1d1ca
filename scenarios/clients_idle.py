"""A hundred connections are opened and nothing is said on them, for eight seconds.

A server that counts them against a limit turns everybody away, the probes too.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-idle",
    asks="Does the service go on when many connections are open and idle?",
    finds=("F53", "F55"),
    faults=(fault("client.idle", for_s=8),),
    ready="up",
)
