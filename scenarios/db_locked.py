"""A session of ours holds the busiest table of the service in ACCESS EXCLUSIVE mode, as a migration does, for longer
than the deadline.

Connections that wait for the table are missing in the pool, and then everything waits.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-locked",
    asks="Is every request answered in time while a table is locked, and does the rest of the service go on?",
    finds=("F36", "F38", "F39", "F47"),
    requires=("postgres",),
    faults=(fault("postgres.lock", for_s=8, outlasts_deadline=True),),
    ready="any",
)
