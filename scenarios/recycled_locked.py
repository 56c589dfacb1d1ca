"""A worker is recycled by its `max_requests` while its requests wait for a locked table.

It takes no new ones and has to finish those that it has. Its heart does not beat meanwhile, so that Gunicorn's
`timeout` becomes a limit for them (F23); who is connected to it has to connect again (F22).
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="recycled-locked",
    asks="Does a worker that is recycled in the midst of slow requests finish them before it leaves?",
    finds=("F22", "F23"),
    requires=("postgres",),
    faults=(fault("postgres.lock", for_s=14), fault("server.recycle", at_s=1, for_s=20, rate_rps=400)),
    ready="any",
    min_workers=2,
    settings={"gunicorn.max_requests": 2500},
)
