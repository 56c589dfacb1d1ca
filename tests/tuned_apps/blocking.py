"""An `async def` handler that sleeps in `time.sleep`: a worker serves one request at a time, whatever else it has.

The lever is the number of workers. Liveness and readiness are on the same loop, and wait with the rest.
"""

import time

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/quote")
async def quote() -> dict[str, int]:
    time.sleep(0.02)  # noqa: ASYNC251  # the defect
    return {"cents": 1200}
