"""Quotes: the price of an item, asked from the pricing service over HTTP.

The dependency may be slow or gone. It then costs a request two seconds at the most, and never more than a fixed
number of requests at once: the next one is told so at once, so that the rest of the service does not wait with it.
"""

import asyncio
import logging
from typing import Annotated

import httpx
from fastapi import APIRouter, HTTPException, Path, Request
from pydantic import BaseModel, ValidationError

from target_api.problems import responses
from target_api.settings import Settings

log = logging.getLogger(__name__)
router = APIRouter(tags=["quotes"])

Sku = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Price(BaseModel):
    cents: int


class Quote(BaseModel):
    sku: str
    cents: int


class PricingError(Exception):
    """No price: the status and the sentence that the client gets."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class Pricing:
    def __init__(self, settings: Settings) -> None:
        self.timeout_s = settings.pricing_timeout_s
        self.max_in_flight = settings.pricing_max_in_flight
        self.in_flight = 0
        self.client = httpx.AsyncClient(
            base_url=str(settings.pricing_url),
            timeout=httpx.Timeout(self.timeout_s, connect=min(1.0, self.timeout_s)),
            limits=httpx.Limits(max_connections=self.max_in_flight, max_keepalive_connections=self.max_in_flight),
            trust_env=False,  # a proxy variable meant for something else must not reroute this call
        )

    async def price(self, sku: str) -> Price:
        if self.in_flight >= self.max_in_flight:
            raise PricingError(503, "Too many requests wait for the pricing service.")
        self.in_flight += 1
        try:
            # httpx limits each step (connect, each read); this limits the whole.
            async with asyncio.timeout(self.timeout_s):
                response = await self.client.get(f"prices/{sku}")
        except (TimeoutError, httpx.TimeoutException):
            raise PricingError(504, "The pricing service did not answer in time.") from None
        except httpx.HTTPError as error:
            raise PricingError(503, f"The pricing service cannot be asked ({type(error).__name__}).") from None
        finally:
            self.in_flight -= 1
        return read_price(response)

    async def close(self) -> None:
        await self.client.aclose()


def read_price(response: httpx.Response) -> Price:
    if response.status_code == 404:
        raise HTTPException(404, "There is no price for this.")
    if response.status_code != 200:
        raise PricingError(503, f"The pricing service answered {response.status_code}.")
    try:
        return Price.model_validate_json(response.content)
    except ValidationError:
        raise PricingError(502, "The pricing service answered something that is not a price.") from None


@router.get("/quotes/{sku}", responses=responses(404, 502))
async def quote(request: Request, sku: Sku) -> Quote:
    pricing: Pricing = request.app.state.pricing
    price = await pricing.price(sku)
    return Quote(sku=sku, cents=price.cents)
