"""What an orchestrator asks: /health (restart me?) and /ready (send me traffic?).

/health touches nothing: a liveness probe that asks the database turns its outage into a restart storm.
"""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from target_api import __version__
from target_api.readiness import Readiness

router = APIRouter(tags=["probes"])


@router.get("/health")
async def health() -> dict[str, str]:
    return {"status": "alive"}


@router.get("/ready")
async def ready(request: Request) -> JSONResponse:
    readiness: Readiness = request.app.state.readiness
    why = "The service is shutting down." if request.app.state.draining else readiness.reason_not_ready()
    if why is not None:
        return JSONResponse({"status": "not ready", "why": why}, 503, headers={"Retry-After": "1"})
    return JSONResponse({"status": "ready"})


@router.get("/version")
async def version() -> dict[str, str]:
    return {"version": __version__}
