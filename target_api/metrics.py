"""What Prometheus scrapes: sums over all workers, whichever of them answers.

Each worker writes its numbers to files in one folder, which gunicorn.conf.py makes; a scrape adds them up. Counters of
a worker that died stay, its gauges go. Labels are bounded: a route is named by its template, never by its path.
"""

import os
import time

from fastapi import APIRouter, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(include_in_schema=False)

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
DURATIONS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
WAITS_S = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    def __init__(self) -> None:
        self.registry = own = CollectorRegistry()
        route = ("method", "route")
        self.requests = Counter("http_requests", "Requests, by the status answered.", (*route, "status"), registry=own)
        self.duration = Histogram(
            "http_request_duration_seconds", "From head to last byte.", route, registry=own, buckets=DURATIONS_S
        )
        self.shed = Counter("requests_shed", "Refused at once, to protect what is served.", ("reason",), registry=own)
        self.pool_wait = Histogram(
            "database_pool_wait_seconds", "Wait for a connection.", registry=own, buckets=WAITS_S
        )
        self.in_flight = self.gauge("http_requests_in_flight", "Requests without an answer yet.")
        self.pool_size = self.gauge("database_pool_size", "Open connections.")
        self.pool_in_use = self.gauge("database_pool_in_use", "Connections that serve a request.")
        self.pool_waiting = self.gauge("database_pool_waiting", "Requests that wait for a connection.")
        breaker = "0 closed, 1 half-open, 2 open; of the worker that is worst off."
        self.breaker = self.gauge("pricing_breaker_state", breaker, "livemax")

    def gauge(self, name: str, what: str, over_workers: str = "livesum") -> Gauge:
        return Gauge(name, what, registry=self.registry, multiprocess_mode=over_workers)  # type: ignore[arg-type]

    def text(self) -> bytes:
        if FOLDER not in os.environ:
            return generate_latest(self.registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """In a thread, for it reads a few files for each worker."""
    return Response(request.app.state.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})


class RequestMetrics:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics
        self.known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}  # labels() takes a lock and its time

    def of(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        known = self.known.get((method, route, status))
        if known is None:
            known = self.metrics.requests.labels(method, route, status), self.metrics.duration.labels(method, route)
            self.known[method, route, status] = known
        return known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        began_s = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.metrics.in_flight.inc()
        try:
            await self.app(scope, receive, send_and_note)
        finally:
            self.metrics.in_flight.dec()
            requests, duration = self.of(*labels_of(scope), status)
            requests.inc()
            duration.observe(time.perf_counter() - began_s)


def labels_of(scope: Scope) -> tuple[str, str]:
    method = scope["method"] if scope["method"] in METHODS else "other"
    return method, getattr(scope.get("route"), "path", "unmatched")
