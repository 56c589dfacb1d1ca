"""The database refuses connections for eight seconds, under load; those that were open are cut.

Does it say so, stay alive, and come back by itself?
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-refused",
    asks="Does the service say that it is not ready, stay alive, and come back by itself?",
    finds=("F12", "F35", "F39", "F40", "F60", "F62"),
    requires=("postgres",),
    faults=(fault("postgres.refuse", for_s=8),),
    ready="down",
)
