"""The connections of one worker to its database hold still, so that its pool is full; its siblings have a whole one.

Who waits for a connection needs a limit, and so does who holds one. Readiness is left open: the worker that has no
database may say so.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-pool-full",
    asks="Is every request answered in time while one worker's connections to the database hold still?",
    finds=("F37", "F38", "F39"),
    requires=("postgres",),
    faults=(fault("worker.pool", for_s=20, outlasts_deadline=True),),
    ready="any",
    min_workers=2,
)
