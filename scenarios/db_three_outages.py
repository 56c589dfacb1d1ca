"""The database refuses connections three times for four seconds, with five of rest between; what was open is cut.

What a failed call does not give back is lost once for each failure, and adds up.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-three-outages",
    asks="Is everything given back after each of three outages of the database?",
    finds=("F45", "F60"),
    requires=("postgres",),
    faults=tuple(fault("postgres.refuse", at_s=at_s, for_s=4) for at_s in (0, 9, 18)),
    ready="any",
)
