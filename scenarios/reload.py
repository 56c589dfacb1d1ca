"""SIGHUP under load: a reload, as after a change of settings or of certificates.

Every worker is replaced, and nobody may notice. Gunicorn is silent for as long as its workers need to start.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="reload",
    asks="Does a reload replace every worker without losing a request, and is the service ready all the time?",
    finds=("F28",),
    fault_s=12,
    faults=(fault("server.sighup"),),
    ready="up",
    min_workers=2,
)
