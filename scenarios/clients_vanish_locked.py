"""Clients leave after a tenth of a second while a table of the service is locked: in the middle of their query.

What was begun for them waits for the lock. It must end by a limit of the service's own, with its connection given back
(F43, F45), or a few seconds of such clients use the pool up.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-vanish-locked",
    asks="Is the service itself again when clients have left in the middle of a query?",
    finds=("F38", "F43"),
    requires=("postgres",),
    faults=(fault("postgres.lock", for_s=6), fault("client.disconnect", for_s=6, after_ms=100, rate_rps=50)),
    ready="any",
)
