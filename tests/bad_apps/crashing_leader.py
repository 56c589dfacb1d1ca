"""One worker looks at the rates for all of them, and ends itself when they fail: another will take over. It does."""

import asyncio
import os

import httpx
import leading

RATES_URL = os.environ["RATES_URL"]


async def watch() -> None:
    async with httpx.AsyncClient(base_url=RATES_URL, timeout=1, trust_env=False) as rates:
        while (await rates.get("/rates/eur")).is_success:
            await asyncio.sleep(0.5)
    os._exit(1)


app = leading.app_with(watch, pause_s=2)
