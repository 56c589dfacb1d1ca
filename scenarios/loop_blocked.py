"""The event loop of one worker is blocked, as by a blocking call in a coroutine; its other threads go on.

Its siblings must go on, and the supervisor must notice and replace it. Gunicorn does, because the heartbeat comes from
the loop; its `timeout` is set to 4 s here, so that it acts within the trial. A supervisor that is answered by another
thread, as Uvicorn's, never does: the fault lasts long enough to show that.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="loop-blocked",
    asks="Does the service go on while the event loop of one worker is blocked, and is that worker replaced?",
    finds=("F01", "F03"),
    faults=(fault("worker.block-loop", for_s=14),),
    ready="up",
    min_workers=2,
    settings={"gunicorn.timeout": 4},
    note="gunicorn.timeout is 4 s in this scenario, so that Gunicorn's replacement falls into it.",
)
