"""The HTTP dependency answers in time and with 200, but with JSON that is cut, of another type, or a page of HTML.

What is not checked where it comes in fails somewhere else, or is passed on.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="dependency-garbled",
    asks="Does the rest of the service go on, and is all well afterwards, when another service answers nonsense?",
    finds=("F59",),
    requires=("http",),
    faults=(fault("dependency.wrong-body", for_s=8),),
    ready="up",
)
