"""The database ends every session of the service once, under load, and lets new ones in at once.

So does an administrator's command, a failover, the idle limit of a pooler. A pool that hands out a dead connection
without looking fails once for each. Whether readiness blinks is its own affair; requests must be good again within
seconds.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-sessions-terminated",
    asks="Does the pool replace connections that the database ended, so that it shows only for a moment?",
    finds=("F52",),
    requires=("postgres",),
    faults=(fault("postgres.terminate"),),
    fault_s=4,
    ready="any",
)
