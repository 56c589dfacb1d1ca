"""The HTTP dependency reads every request and answers none, for longer than a request may take.

A call without a timeout of its own is never over, and holds what other requests need.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="dependency-hangs",
    asks="Is every request answered in time when the service that it calls never answers?",
    finds=("F01", "F59"),
    requires=("http",),
    faults=(fault("dependency.hang", for_s=8, outlasts_deadline=True),),
    ready="up",
)
