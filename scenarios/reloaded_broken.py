"""A reload with code that no longer imports, as after a deployment that is wrong.

The new workers cannot start, so the old ones have to go on. What does not outlive it is started again eight seconds
later with code that is whole, and has to be as good as before.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="reloaded-broken",
    asks="Does the service go on with its old workers when the new code cannot be imported?",
    finds=("F29",),
    faults=(fault("server.reload-broken", for_s=8),),
    ready="any",
    min_workers=2,
)
