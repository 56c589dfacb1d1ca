"""SIGTERM while a hundred connections are kept that ask now and then, and a hundred on which nothing was ever said.

A load balancer holds such, and opens some ahead of time. None of them has a request in hand, so none may hold the end
up, and what is in hand beside them is answered (F14, F15).
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="drain-crowded",
    asks="Is the end as orderly and as quick when many connections are kept open, used and never used?",
    finds=("F14", "F15"),
    faults=(fault("client.idle"), fault("client.keep-alive", every_ms=4000), fault("server.sigterm")),
    ready="any",
)
