"""Every answer of the database comes 100 ms later for eight seconds, under load.

A pooled query costs two such answers. The service may be slower; it must stay ready and alive.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-latency",
    asks="Does the service stay ready and alive when its database is slow, and is all of it gone afterwards?",
    finds=("F37", "F38", "F51"),
    requires=("postgres",),
    faults=(fault("postgres.latency", for_s=8, latency_ms=100),),
    ready="up",
)
