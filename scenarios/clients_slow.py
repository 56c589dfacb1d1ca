"""Clients that send slowly and clients that do not read, nearly fifty of them, for longer than a request may take.

The server keeps them for as long as they like, which is well as long as nobody else waits for them. How many it still
had at the end is told.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="clients-slow",
    asks="Does everybody else get an answer in time while some clients send slowly and others do not read?",
    finds=("F55",),
    faults=(
        fault("client.slow-sender", for_s=8, outlasts_deadline=True),
        fault("client.slow-reader", for_s=8, outlasts_deadline=True),
    ),
    ready="up",
)
