"""A hundred connections are kept, and each asks every four seconds, for ten seconds: the pool of a load balancer.

A server that counts connections against a limit turns everybody else away (F53).
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-keep-alive",
    asks="Is there room for everybody when a hundred clients keep their connections?",
    finds=("F53",),
    faults=(fault("client.keep-alive", for_s=10, every_ms=4000),),
    ready="up",
)
