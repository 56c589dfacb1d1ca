"""SIGTERM at the moment at which the database falls silent: a deployment in the middle of an outage.

What is in hand then lasts as long as the service's own limits let it, and is answered in the end only where the server
gives it that long (F14, F33); closing the pool waits for it too (F30).
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="drain-without-database",
    asks="Are the requests in hand answered, in time, when the service is asked to end while its database is silent?",
    finds=("F14", "F30", "F31", "F33"),
    requires=("postgres",),
    faults=(fault("postgres.blackhole"), fault("server.sigterm")),
    ready="any",
)
