"""No byte passes between service and database, and nothing closes: a firewall that drops, for longer than the deadline.

Whoever waits without a limit of his own waits until the end of the fault.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-blackhole",
    asks="Is every request and every probe answered in time when the database falls silent?",
    finds=("F35", "F36", "F37", "F40", "F48"),
    requires=("postgres",),
    faults=(fault("postgres.blackhole", for_s=8, outlasts_deadline=True),),
    ready="down",
)
