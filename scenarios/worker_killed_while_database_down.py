"""A worker dies while the database refuses connections: its successor has to start without one.

Where the start of a worker needs the database, the supervisor takes a failed start for a reason to end everything, the
healthy workers too, and a short outage of one part becomes an outage of all. The database is back only after the
supervisor had its time, so that a worker which starts late because it waits for it is late here.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-killed-while-database-down",
    asks="Is a worker replaced that dies while the database is down, and does the rest of the service live on?",
    finds=("F12", "F13"),
    requires=("postgres",),
    faults=(fault("postgres.refuse", for_s=12), fault("worker.kill", at_s=2)),
    ready="any",
    min_workers=2,
)
