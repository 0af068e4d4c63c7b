"""Walmart's own view of the seller's prices: pricing insights and listing quality.

The shapes of both are known from the field only, so everything in them may be missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.walmart.answer_json import original_of, payload_of
from walmart_stream.walmart.errors import ContentNotFound, MalformedResponse
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import LISTING_QUALITY, LISTING_SCORE, PRICING_INSIGHTS

LISTINGS = "/v3/insights/items/listingQuality"
PAGE = 200


@dataclass(frozen=True, slots=True)
class PricingInsight:
    """One item against its rivals. Money is cents; ``None`` is unknown.

    The box's price is without shipping, its total the landed price; ``box_win_rate`` is in the
    unit that Walmart sends. ``payload`` is the JSON object, byte for byte as it was sent; where
    these bytes are not JSON, they are in ``original``, and ``payload`` has them mended.
    """

    sku: str
    name: str | None
    price_cents: int | None
    box_price_cents: int | None
    box_landed_cents: int | None
    box_win_rate: float | None
    competitor_cents: int | None
    comparison_cents: int | None
    stock: int | None
    competitive: bool | None
    traffic: str | None
    payload: bytes
    original: bytes | None = None

    @property
    def box_shipping_cents(self) -> int | None:
        """The holder's shipping, which Walmart does not send by itself."""
        if self.box_landed_cents is None or self.box_price_cents is None:
            return None
        shipping = self.box_landed_cents - self.box_price_cents
        return shipping if shipping >= 0 else None


@dataclass(frozen=True, slots=True)
class PricingInsights:
    """One response; ``observed_at`` in epoch seconds. ``pages`` is how many there are, if known.

    ``unreadable`` are the rows whose quotes or brackets do not match.
    """

    request_id: str
    observed_at: float
    insights: tuple[PricingInsight, ...]
    entries: int
    page: int
    pages: int | None
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(frozen=True, slots=True)
class Listing:
    """One item against the best price that Walmart knows of outside of it, in cents.

    ``asin`` is the competitor's id of the item, ``issue`` what Walmart finds wrong.
    """

    sku: str
    item_id: str | None
    price_cents: int | None
    shipping_cents: int | None
    competitor_price_cents: int | None
    competitor_shipping_cents: int | None
    asin: str | None
    issue: str | None
    payload: bytes


@dataclass(frozen=True, slots=True)
class Listings:
    """One response; ``observed_at`` in epoch seconds when it had arrived."""

    request_id: str
    observed_at: float
    listings: tuple[Listing, ...]
    entries: int
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ListingScore:
    """The seller's quality as a whole, in per cent."""

    overall: float | None
    offer: float | None
    content: float | None
    reviews: float | None


class SellerInsights:
    """Reads insights; two pages of prices and one of listings a minute."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def prices(self, sku: str | None = None) -> AsyncIterator[PricingInsights]:
        """All items page by page, those with the most traffic first, or that of one SKU.

        Raises:
            AccessDenied, NotFound: Walmart does not offer this to the seller.
            WalmartError: a call failed; the pages before it have been yielded.
        """
        page = 0
        first: bytes | None = None
        while True:
            asked: dict[str, Any] = {
                "pageNumber": page,
                "sort": {"sortField": "TRAFFIC", "sortOrder": "DESC"},
            }
            if sku is not None:
                asked["searchCriteria"] = {"sku": sku}
            try:
                answer = await self._calls.call(
                    PRICING_INSIGHTS,
                    "/v3/price/getPricingInsights",
                    partial(_read_prices, page=page),
                    document=asked,
                )
            except ContentNotFound:
                return
            if not answer.entries:
                return
            begins = answer.insights[0].payload if answer.insights else None
            if page and begins is not None and begins == first:
                raise MalformedResponse("the pages of insights repeat themselves")
            first = begins
            yield answer
            page += 1
            if answer.pages is not None and page >= answer.pages:
                return

    async def listings(self) -> AsyncIterator[Listings]:
        """The quality of all items, page by page; raises as ``prices``."""
        params = {"limit": str(PAGE)}
        seen = set()
        while True:
            try:
                answer = await self._calls.call(
                    LISTING_QUALITY, f"{LISTINGS}/items", _read_listings, params=params, document={}
                )
            except ContentNotFound:
                return
            if answer.entries:
                yield answer
            if answer.cursor is None or not answer.entries:
                return
            if answer.cursor in seen:
                raise MalformedResponse("the pages of listings go round in circles")
            seen.add(answer.cursor)
            params["nextCursor"] = answer.cursor

    async def score(self) -> ListingScore:
        """The quality of the listings as a whole; raises as ``prices``."""
        return await self._calls.call(LISTING_SCORE, f"{LISTINGS}/score", _read_score)


def _payload(document: Any) -> dict[str, Any]:
    """The fields of the answer, wrapped in ``data`` or ``payload`` or not at all."""
    found = read.document(document, "insights")
    for wrapper in ("data", "payload"):
        if isinstance(found.get(wrapper), Mapping):
            return read.fields(found[wrapper])
    return found


def _read_prices(reply: Reply, page: int) -> PricingInsights:
    found = _payload(reply.document)
    rows = found.get("pricinginsightsresponselist")
    if rows is None and isinstance(found.get("data"), list):
        rows = found["data"]
    entries = read.objects(rows, "pricingInsightsResponseList")
    context = read.fields(found.get("pagecontext"))
    return PricingInsights(
        reply.request_id,
        reply.observed_at,
        tuple(_insights(entries)),
        len(entries),
        page,
        read.count(context.get("totalpages")),
        tuple(entry for entry in entries if isinstance(entry, Unreadable)),
    )


def _insights(entries: list[Any]) -> Iterator[PricingInsight]:
    for entry in entries:
        found = read.fields(entry)
        sku = found.get("sku")
        if isinstance(sku, str) and sku.strip():
            yield PricingInsight(
                sku=sku,
                name=read.plain(found.get("itemname")),
                price_cents=read.price(found.get("currentprice")),
                box_price_cents=read.price(found.get("buyboxbaseprice")),
                box_landed_cents=read.price(found.get("buyboxtotalprice")),
                box_win_rate=read.real(found.get("buyboxwinrate")),
                competitor_cents=read.price(found.get("competitorprice")),
                comparison_cents=read.price(found.get("comparisonprice")),
                stock=read.count(found.get("inventorycount")),
                competitive=read.flag(found.get("pricecompetitive")),
                traffic=read.text(found.get("traffic")),
                payload=payload_of(entry),
                original=original_of(entry),
            )


def _read_listings(reply: Reply) -> Listings:
    found = read.document(reply.document, "listings")
    # Here the payload is the list itself, unless it is an object around it.
    payload = found.get("payload", found.get("data"))
    inner = read.fields(payload)
    entries = read.objects(inner.get("items", payload) if inner else payload, "payload")
    cursor = found.get("nextcursor", inner.get("nextcursor"))
    return Listings(
        reply.request_id,
        reply.observed_at,
        tuple(_listings(entries)),
        len(entries),
        read.text(cursor),
    )


def _listings(entries: list[Any]) -> Iterator[Listing]:
    for entry in entries:
        found = read.fields(entry)
        sku = found.get("sku")
        if not isinstance(sku, str) or not sku.strip():
            continue
        offer = read.fields(read.fields(found.get("scoredetails")).get("offer"))
        price = read.fields(offer.get("price"))
        yield Listing(
            sku=sku,
            item_id=read.text(found.get("itemid")),
            price_cents=read.price(price.get("price")),
            shipping_cents=read.shipping(price.get("walmartshipping")),
            competitor_price_cents=read.price(price.get("competitorprice")),
            competitor_shipping_cents=read.shipping(price.get("competitorshipping")),
            asin=read.text(price.get("asin")),
            issue=read.plain(price.get("issuetitle")),
            payload=payload_of(entry),
        )


def _read_score(reply: Reply) -> ListingScore:
    found = _payload(reply.document)
    score = read.fields(found.get("score"))
    return ListingScore(
        overall=read.real(found.get("overallquality")),
        offer=read.real(score.get("offerscore")),
        content=read.real(score.get("contentscore")),
        reviews=read.real(score.get("ratingreviewscore")),
    )
