"""A reload whose new workers need four seconds longer to start than the old ones did.

A supervisor that ends the old workers before the new ones can answer is silent for as long as a start takes, and no
error shows it: only latency does. The new workers wait before they import the app, by a hook in the environment of the
deployment, so that no file of the app is touched.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="reloaded-slowly",
    asks="Does a reload wait for workers that start slowly, so that nobody waits for an answer?",
    finds=("F28",),
    fault_s=18,
    faults=(fault("server.sighup", start_s=4),),
    ready="up",
    min_workers=2,
)
