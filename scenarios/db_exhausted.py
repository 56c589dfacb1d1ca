"""Somebody else takes every connection of the database that is left, in the service's role, for eight seconds.

What the service holds it keeps; each connection that it opens beyond that is refused with 53300.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-exhausted",
    asks="Does the service get by with the connections that it has when there are no more, and come back by itself?",
    finds=("F41", "F60"),
    requires=("postgres",),
    faults=(fault("postgres.exhaust", for_s=8),),
    ready="any",
)
