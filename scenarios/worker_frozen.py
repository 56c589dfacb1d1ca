"""One worker stands still (SIGSTOP), as in a stuck system call or a stopped container.

Its siblings must go on, and the supervisor must replace it. Gunicorn's `timeout` is set to 4 s here: with its usual
30 s the supervisor would act only after the trial.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="worker-frozen",
    asks="Does the service go on while one worker stands still, and is it replaced?",
    finds=("F05",),
    faults=(fault("worker.freeze", for_s=9),),
    ready="up",
    min_workers=2,
    settings={"gunicorn.timeout": 4},
    note="gunicorn.timeout is 4 s in this scenario, so that Gunicorn's replacement falls into it.",
)
