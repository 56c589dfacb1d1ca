"""Quotes: the price of an item, asked from the pricing service."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from target_api.pricing import Pricing
from target_api.problems import responses

router = APIRouter(tags=["quotes"])

Sku = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class Quote(BaseModel):
    sku: str
    cents: int


@router.get("/quotes/{sku}", responses=responses(404, 502))
async def quote(request: Request, sku: Sku) -> Quote:
    pricing: Pricing = request.app.state.pricing
    price = await pricing.price(sku)
    return Quote(sku=sku, cents=price.cents)
