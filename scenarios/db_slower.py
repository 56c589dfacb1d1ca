"""The database becomes much slower: each of its answers takes 500 ms longer for six seconds, later 3 s longer.

A pooled query costs two such answers, so that the pool fills up already with the first. The second is beyond what a
command may take, and what waits has to end by a limit of the service's own. `db-latency` has the 100 ms before that.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-slower",
    asks="Does the service live on, and end its requests in time, when its database gets slower than it may be?",
    finds=("F37", "F38", "F51"),
    requires=("postgres",),
    faults=(
        fault("postgres.latency", for_s=6, latency_ms=500),
        fault("postgres.latency", at_s=9, for_s=6, latency_ms=3000),
    ),
    ready="any",
)
