"""A synchronous call on the event loop: while the rates service is slow, the worker does nothing else at all."""

import json
import os
import urllib.request

from sound import make_app

RATES_URL = os.environ["RATES_URL"]


def fetch_rate(currency: str) -> float:
    with urllib.request.urlopen(f"{RATES_URL}/rates/{currency}", timeout=30) as response:
        return float(json.load(response)["rate"])


async def convert(currency: str) -> dict[str, float]:
    return {"rate": fetch_rate(currency)}


app = make_app()
app.add_api_route("/convert/{currency}", convert)
