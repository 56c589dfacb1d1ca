"""The client of the pricing service, which may be slow or gone.

It costs a request two seconds at the most, and never more than a fixed number of requests at once: the next one is
told so at once, so that the rest of the service does not wait with it. What failed at once is asked a second time; a
timeout is not, for the time is used up and the dependency has enough to do. While it keeps failing it is left alone.
"""

import asyncio
import time

import httpx
from fastapi import HTTPException
from pydantic import BaseModel, ValidationError
from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random

from target_api.breaker import Breaker, CircuitOpen
from target_api.logs import ID_HEADER, request_id
from target_api.metrics import Metrics
from target_api.settings import Settings

ATTEMPTS = 2
PAUSE_S = (0.05, 0.2)


class Price(BaseModel):
    cents: int


class PricingError(Exception):
    """No price: the status and the sentence that the client gets."""

    def __init__(self, status: int, detail: str, retry_after_s: float = 1) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.retry_after_s = retry_after_s


class FailedAtOnce(PricingError):
    """The connection failed, or something before the service said that it is away: worth one more attempt."""


class Pricing:
    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.metrics = metrics
        self.timeout_s = settings.pricing_timeout_s
        self.max_in_flight = settings.pricing_max_in_flight
        self.in_flight = 0
        self.breaker = Breaker(
            failures=settings.pricing_breaker_failures,
            window_s=settings.pricing_breaker_window_s,
            pause_s=settings.pricing_breaker_pause_s,
            clock=time.monotonic,
            on_change=metrics.breaker.set,
        )
        self.client = httpx.AsyncClient(
            base_url=str(settings.pricing_url),
            timeout=httpx.Timeout(self.timeout_s, connect=min(1.0, self.timeout_s)),
            limits=httpx.Limits(max_connections=self.max_in_flight, max_keepalive_connections=self.max_in_flight),
            trust_env=False,  # a proxy variable meant for something else must not reroute this call
        )

    async def price(self, sku: str) -> Price:
        if self.in_flight >= self.max_in_flight:
            self.metrics.shed.labels("pricing").inc()
            raise PricingError(503, "Too many requests wait for the pricing service.")
        self.in_flight += 1
        try:
            # httpx limits each step (connect, each read); this limits the whole, with the second attempt.
            async with asyncio.timeout(self.timeout_s):
                response = await self.ask_twice(sku)
        except TimeoutError:
            raise PricingError(504, "The pricing service did not answer in time.") from None
        finally:
            self.in_flight -= 1
        return read_price(response)

    async def ask_twice(self, sku: str) -> httpx.Response:
        again = AsyncRetrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_random(*PAUSE_S),
            retry=retry_if_exception_type(FailedAtOnce),
            reraise=True,
        )
        return await again(self.ask, sku)

    async def ask(self, sku: str) -> httpx.Response:
        """One attempt. The breaker hears of each, so that attempts do not add up to more than it allows."""
        try:
            ticket = self.breaker.ask()
        except CircuitOpen as error:
            self.metrics.shed.labels("breaker").inc()
            detail = "The pricing service keeps failing and is not asked for now."
            raise PricingError(503, detail, error.retry_after_s) from None
        answered = False
        try:
            response = await self.client.get(f"prices/{sku}", headers={ID_HEADER: request_id.get()})
            answered = response.status_code < 500
        except httpx.TimeoutException:
            raise PricingError(504, "The pricing service did not answer in time.") from None
        except httpx.TransportError as error:
            raise FailedAtOnce(503, f"The pricing service cannot be asked ({type(error).__name__}).") from None
        except httpx.HTTPError as error:
            raise PricingError(503, f"The pricing service cannot be asked ({type(error).__name__}).") from None
        finally:
            self.breaker.tell(ticket, answered)
        if response.status_code in (502, 503):
            raise FailedAtOnce(503, f"The pricing service answered {response.status_code}.")
        return response

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
