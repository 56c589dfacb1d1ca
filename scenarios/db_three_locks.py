"""A table of the service is locked three times for four seconds, with five seconds of rest between; nothing is closed.

Requests give up while their statement waits. Who loses a connection by that, or leaves its transaction open, still has
it afterwards, where an outage would have closed it.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-three-locks",
    asks="Is everything given back after each of three locks, under which requests time out?",
    finds=("F43", "F45"),
    requires=("postgres",),
    faults=tuple(fault("postgres.lock", at_s=at_s, for_s=4) for at_s in (0, 9, 18)),
    ready="any",
)
