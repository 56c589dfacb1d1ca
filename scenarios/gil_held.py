"""A thread of one worker keeps the interpreter's lock, as a long regular expression or a large JSON does.

Nothing of that worker goes on, its other threads neither; its siblings must, and the supervisor must notice and replace
it. Gunicorn's `timeout` is set to 4 s here, so that it acts within the trial. Uvicorn's supervisor, which a blocked
event loop escapes, sees this, for the thread that answers it needs the lock too.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="gil-held",
    asks="Does the service go on while one worker cannot run any Python, and is that worker replaced?",
    finds=("F04",),
    faults=(fault("worker.hold-gil", for_s=14),),
    ready="up",
    min_workers=2,
    settings={"gunicorn.timeout": 4},
    note="gunicorn.timeout is 4 s in this scenario, so that Gunicorn's replacement falls into it.",
)
