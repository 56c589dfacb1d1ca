"""The database comes and goes: down for about a second, up for about a second, by turns, for ten seconds.

Everybody comes back at once each time that it is up. No turn is long enough for a pool that backs off for minutes, or
for a breaker that never closes; what counts is that it is over soon after the last turn.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-flapping",
    asks="Does the service stay alive while its database comes and goes, and is it well soon after?",
    finds=("F39", "F40", "F60"),
    requires=("postgres",),
    faults=(fault("postgres.flap", for_s=10),),
    ready="any",
)
