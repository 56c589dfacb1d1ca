"""One worker gets a fifth of the CPU time, as under a container's quota that is too small for it.

Its supervisor must not take a slow worker for a dead one, and users must not notice more than the objectives allow:
what a worker does then shows how much room there is.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-starved",
    asks="Does the service keep its objectives, and its workers, while one of them gets a fifth of its CPU time?",
    finds=("F06",),
    faults=(fault("worker.cpu", for_s=8),),
    ready="up",
    min_workers=2,
)
