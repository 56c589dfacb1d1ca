"""Whatever goes wrong, the list is empty: a defect looks like a quiet day, and nobody ever hears of it."""

from fastapi import Request
from sound import make_app


async def latest(request: Request) -> list[str]:
    try:
        titles: list[str] = await request.app.state.pool.latest()
    except Exception:  # noqa: BLE001  # the defect
        return []
    return titles


app = make_app(latest=latest)
