"""The disk that the database's tables lie on is full for twenty seconds, and has room again.

Reads go on, and each write that needs another page fails. Nothing may be acknowledged that is not stored, and writes
must succeed again by themselves once there is room.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-disk-full",
    asks="Is nothing acknowledged that a full disk did not take, and do writes succeed again once there is room?",
    finds=("F62",),
    requires=("postgres",),
    faults=(fault("postgres.full-disk", for_s=20),),
    ready="any",
)
