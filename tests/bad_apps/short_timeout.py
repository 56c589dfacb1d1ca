"""A call that blocks for 2.9 s at most, below the 3 s of Gunicorn's `timeout`. The supervisor kills the worker all the
same, for its heartbeat comes only each half of that: it is 1.2 s old when the call begins.
"""

import asyncio
import contextlib
import os
import urllib.request

import leading

RATES_URL = os.environ["RATES_URL"]
LONGEST_S = 2.9
PAUSE_S = 1.25  # after a long call the heartbeat comes at once, and then 1.5 s later


def look() -> None:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{RATES_URL}/rates/eur", timeout=LONGEST_S) as response:
        response.read()


async def refresh() -> None:
    while True:
        look()
        await asyncio.sleep(PAUSE_S)


app = leading.app_with(refresh, pause_s=5)
