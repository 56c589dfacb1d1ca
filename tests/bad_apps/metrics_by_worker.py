"""Each worker counts for itself, and a scrape is answered by whichever is quickest."""

from collections.abc import Awaitable, Callable

from fastapi import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from sound import make_app

registry = CollectorRegistry()
requests = Counter("http_requests", "Requests.", ("path",), registry=registry)
app = make_app()


@app.middleware("http")
async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    requests.labels(request.url.path).inc()
    return await call_next(request)


@app.get("/metrics")
async def metrics() -> Response:
    return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
