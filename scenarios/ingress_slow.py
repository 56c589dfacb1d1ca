"""Clients are on a narrow line for eight seconds: each connection carries 20 kB a second, in both directions.

An answer takes long to leave although it was made at once. What a request holds until its last byte is gone, a database
connection above all, is not there for anybody else. Readiness and liveness are asked beside the narrow line.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="ingress-slow",
    asks="Does the service stay ready and alive while all of its clients are slow, and is none of it left afterwards?",
    finds=("F38",),
    faults=(fault("ingress.bandwidth", for_s=8, rate_kb_per_s=20),),
    ready="up",
)
