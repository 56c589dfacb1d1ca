"""The database loses all of its processes at once, as when its machine loses power, and recovers eight seconds later.

An answer that was given before the commit shows: what is missing afterwards the service lost, for the server
forgets nothing that it confirmed.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="db-killed",
    asks="Is all that was acknowledged there after the database crashed, and is the service back by itself?",
    finds=("F12", "F35", "F40", "F52", "F60", "F62"),
    requires=("postgres",),
    faults=(fault("postgres.kill", for_s=8),),
    ready="down",
)
