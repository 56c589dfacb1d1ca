"""Every connection to the database is reset for eight seconds, the new ones too, as by a peer that crashed.

Unlike under a refusal, connecting succeeds and the first query fails. A pool that keeps what was reset goes on failing
after the lift.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-reset",
    asks="Does the service say that it is not ready while every connection is reset, and drop the dead ones?",
    finds=("F12", "F40", "F60"),
    requires=("postgres",),
    faults=(fault("postgres.reset", for_s=8),),
    ready="down",
)
