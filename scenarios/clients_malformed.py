"""Bytes that are no HTTP, and bodies of eight megabytes, for eight seconds.

A server that hangs on nonsense keeps its sender for ever, and one that reads any body runs out of memory.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-malformed",
    asks="Are nonsense and bodies without measure turned away without hurting anybody else?",
    finds=("F55",),
    faults=(fault("client.malformed", for_s=8), fault("client.oversized", for_s=8)),
    ready="up",
)
