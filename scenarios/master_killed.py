"""The supervisor is killed (SIGKILL) under load, as by the out-of-memory killer.

Workers that go on without it hold the port and serve old code, while a new start fails.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="master-killed",
    asks="Does anything of the service outlive its supervisor?",
    finds=("F09",),
    faults=(fault("server.kill"),),
    ready="any",
    min_workers=2,
)
