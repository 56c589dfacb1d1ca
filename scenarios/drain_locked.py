"""SIGTERM while a table of the service is locked: a deployment whose migration has begun.

What is in hand then lasts as long as the service's own limits let it, and is answered in the end only where the server
gives it that long (F14, F33); closing the pool waits for it too (F30).
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="drain-locked",
    asks="Are the requests in hand answered, in time, when the service is asked to end while a table is locked?",
    finds=("F14", "F30", "F31", "F33"),
    requires=("postgres",),
    faults=(fault("postgres.lock"), fault("server.sigterm")),
    ready="any",
)
