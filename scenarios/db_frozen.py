"""All processes of the database stand still, for longer than the deadline: a hung disk, a paused virtual machine.

Nothing is closed or refused, so that only a timeout of the service's own ends a wait. Unlike after `db-blackhole`, open
connections live on, and what was asked meanwhile is still done.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-frozen",
    asks="Is every request and every probe answered in time while the database stands still?",
    finds=("F35", "F36", "F37", "F40"),
    requires=("postgres",),
    faults=(fault("postgres.freeze", for_s=8, outlasts_deadline=True),),
    ready="down",
)
