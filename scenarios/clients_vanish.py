"""Clients that ask and are gone before the answer, twenty-five a second, for eight seconds.

What was begun for them goes on, or is cancelled in a place where it leaves a connection of the pool behind.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-vanish",
    asks="Is nothing of the service lost, and nobody else hurt, when clients leave before their answer?",
    finds=("F43", "F45"),
    faults=(fault("client.disconnect", for_s=8),),
    ready="up",
)
