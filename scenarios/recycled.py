"""A worker leaves after 3,000 requests, and another takes its place, under load: what `max_requests` costs.

Only one of them is brought there: without `max_requests_jitter` all workers get there together, and nobody accepts
until the new ones are up. So the limit lies far above what the load alone brings in one trial: its connections may all
lead to the other worker, which would then leave in the recovery. With a few hundred requests the recycling itself is a
storm. A request that is cut while a worker leaves is what users pay for the setting.
"""

from harness.model.scenario import Scenario, fault

SCENARIO = Scenario(
    name="recycled",
    asks="Does a worker that has served its number of requests leave, and another come, without anybody noticing?",
    finds=("F22", "F23"),
    faults=(fault("server.recycle", for_s=20, rate_rps=300),),
    ready="up",
    min_workers=2,
    settings={"gunicorn.max_requests": 3000},
)
