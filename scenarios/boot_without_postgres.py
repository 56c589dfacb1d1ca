"""The service is started while its database refuses connections: a deployment, or a restart, in the midst of an outage.

It must not need the database to start, must not say that it is ready, and must be ready by itself once the database is
there.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="boot-without-postgres",
    asks="Does the service start while its database is away, say so, and become ready by itself when it comes?",
    finds=("F11", "F12"),
    requires=("postgres",),
    faults=(fault("server.boot-without-postgres", for_s=16),),
    ready="down",
)
