"""Readiness is a constant: "the process runs, so it is ready". The load balancer never learns of the outage."""

from sound import make_app


async def ready() -> dict[str, str]:
    return {"status": "ok"}


app = make_app(ready=ready)
