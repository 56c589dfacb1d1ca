"""A worker is killed (SIGKILL) while its queries wait for a locked table.

PostgreSQL does not see that it has gone until the lock is free or a limit of its own ends the queries (F42); the other
worker, and the one that comes, need sessions meanwhile.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-killed-mid-query",
    asks="Does losing a worker in the middle of its queries leave the others, and the next one, their database?",
    finds=("F07", "F08"),
    requires=("postgres",),
    faults=(fault("postgres.lock", for_s=6), fault("worker.kill", at_s=3)),
    ready="any",
    min_workers=2,
)
