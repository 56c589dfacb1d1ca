"""Every two seconds all connections to the database are closed, for ten seconds; new ones are welcome.

So does a load balancer that bounds the life of a connection. The database is well all the time, so the pool alone
decides how much of this anybody sees: a dead connection may cost the query that it carried, no more.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-cut",
    asks="Does the service stay ready and alive while its connections to the database are closed again and again?",
    finds=("F60",),
    requires=("postgres",),
    faults=(fault("postgres.cut-after", for_s=10, after_ms=2000),),
    ready="up",
)
