"""The database comes back read-only for eight seconds, as after a failover to a replica: sessions open, writes fail.

Connections look healthy, and a probe that only reads says so. Whether a service that can only read is ready is its own
affair; it must answer in time, and write again by itself.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-read-only",
    asks="Does the service live through a database that only reads, and write again by itself?",
    finds=("F50", "F52"),
    requires=("postgres",),
    faults=(fault("postgres.read-only", for_s=8),),
    ready="any",
)
