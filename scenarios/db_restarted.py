"""The database is shut down in order and is back eight seconds later, under load: a setting, a minor version.

Every session ends with a message, and a pool must not hand the dead ones out.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-restarted",
    asks="Does the service say that it is not ready while its database is restarted, and come back by itself?",
    finds=("F12", "F35", "F40", "F52", "F60"),
    requires=("postgres",),
    faults=(fault("postgres.restart", for_s=8),),
    ready="down",
)
