"""Pure computing, 8 ms of it for each request: where generator and workers share the CPUs, nobody can tell how many
workers are best."""

from fastapi import FastAPI

app = FastAPI()


@app.get("/health")
@app.get("/ready")
async def health() -> dict[str, bool]:
    return {"ok": True}


@app.get("/digest")
async def digest() -> dict[str, int]:
    return {"digest": sum(number * number for number in range(150_000)) % 97}
