"""Two replicas run the setup commands at once on a fresh database, as init containers do at a rollout.

Without a lock both read that nothing is there, both make it, and one of them fails or does it a second time.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="migrated-twice",
    asks="Do the setup commands end well, and make the right schema, when two replicas run them at once?",
    finds=("F61",),
    requires=("postgres",),
    fault_s=8,
    faults=(fault("server.migrate-twice"),),
    ready="up",
)
