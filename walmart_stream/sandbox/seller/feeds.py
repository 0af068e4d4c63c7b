"""Feeds: many changes in one call, processed later, each item with a result of its own.

The outcome of a feed is decided when it comes in, and shown once its time has come. A feed may
be PROCESSED although its items are not.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson
from aiohttp import BodyPartReader, web

from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.faults import FailedFeedItems, StuckFeed
from walmart_stream.sandbox.seller.inventory import units
from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.prices import amount, base_price
from walmart_stream.sandbox.seller.refusals import FEED, invalid_content, invalid_param, not_found
from walmart_stream.sandbox.seller.shop import Shop

Outcome = Literal["SUCCESS", "DATA_ERROR", "SYSTEM_ERROR", "TIMEOUT_ERROR"]
FeedStatus = Literal["RECEIVED", "INPROGRESS", "PROCESSED", "ERROR"]

MOST_DETAILS = 50
MOST_FEEDS = 1_000
MOST_ITEMS = 10_000
# The part of a feed's time before it leaves RECEIVED.
WAITING = 0.1
FEED_LIMITS = {
    "price": "price_feeds",
    "PRICE_AND_PROMOTION": "price_feeds",
    "promo": "price_feeds",
    "inventory": "inventory_feeds",
}
ERRORS: Mapping[str, tuple[str, str]] = {
    "unknown": ("ERR_EXT_DATA_0101119", "The SKU does not exist. Set the item up first."),
    "value": ("ERR_EXT_DATA_0101122", "The value is missing or has an invalid format."),
    "duplicate": ("ERR_EXT_DATA_0101120", "The SKU is more than once in this feed."),
    "system": ("ERR_INT_SYS_0101001", "Unexpected system error. Send the item again."),
}


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One item of a feed and what becomes of it; *error* is a key of ``ERRORS``."""

    index: int
    sku: str
    outcome: Outcome
    error: str | None = None
    item: OwnItem | None = None


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed; times are market seconds."""

    feed_id: str
    feed_type: str
    received_at: float
    started_at: float
    done_at: float
    items: tuple[FeedItem, ...]
    broken: bool = False

    def status(self, at: float) -> FeedStatus:
        """Where the feed has got to at market time *at*."""
        if at >= self.done_at:
            return "ERROR" if self.broken else "PROCESSED"
        return "RECEIVED" if at < self.started_at else "INPROGRESS"


def feed_limit(request: web.Request) -> str | None:
    """The limit that a feed is under, by its type."""
    return FEED_LIMITS.get(request.query.get("feedType", ""))


@dataclass(frozen=True, slots=True)
class Feeds:
    """``/v3/feeds``."""

    config: SellerConfig
    pace: Pace
    shop: Shop
    faults: Faults
    feeds: dict[str, Feed] = field(default_factory=dict)

    async def submit(self, call: Call) -> SellerAnswer:
        """Takes a feed as JSON body or as the file of a form; answers with its id.

        Raises:
            SellerRefusal: 400 for an unknown type or a file that is not a JSON object.
        """
        kind = call.query.get("feedType", "")
        if kind not in FEED_LIMITS:
            raise invalid_param("feedType", "feedType is not supported", FEED)
        document = await _document(call)
        entries = _entries(kind, document)
        received, done = call.at, call.at + self.pace.between(self.config.feed_seconds)
        started = received + (done - received) * WAITING
        if stuck := self.faults.strike(StuckFeed, "feeds"):
            done += stuck.seconds
        items = () if entries is None else self._judge(kind, entries[:MOST_ITEMS], received, done)
        feed_id = f"{secrets.token_hex(16).upper()}@AVMBAgA"
        if len(self.feeds) >= MOST_FEEDS:
            self.feeds.pop(next(iter(self.feeds)))
        self.feeds[feed_id] = Feed(feed_id, kind, received, started, done, items, entries is None)
        return SellerAnswer({"feedId": feed_id}, root="FeedAcknowledgement")

    async def status(self, call: Call) -> SellerAnswer:
        """One feed, with the results of its items if ``includeDetails`` is true.

        Raises:
            SellerRefusal: 404 for an unknown feed.
        """
        feed = self.feeds.get(call.path["id"])
        if feed is None:
            raise not_found("Feed not found", FEED)
        offset = call.number("offset", 0)
        limit = call.number("limit", MOST_DETAILS, MOST_DETAILS)
        details: list[dict[str, Any]] = []
        if call.query.get("includeDetails") == "true":
            done = feed.status(call.at) == "PROCESSED"
            details = [_detail(item, done) for item in feed.items[offset : offset + limit]]
        document = self._summary(feed, call.at) | {
            "offset": offset,
            "limit": limit,
            "itemDetails": {"itemIngestionStatus": details},
        }
        return SellerAnswer(document, root="PartnerFeedResponse")

    async def page(self, call: Call) -> SellerAnswer:
        """All feeds, the newest first."""
        offset, limit = call.number("offset", 0), call.number("limit", MOST_DETAILS, MOST_DETAILS)
        newest = list(reversed(self.feeds.values()))
        if wanted := call.query.get("feedId"):
            newest = [feed for feed in newest if feed.feed_id == wanted]
        if not newest:
            raise not_found("No feed found", FEED)
        chosen = newest[offset : offset + limit]
        return SellerAnswer(
            {
                "totalResults": len(newest),
                "offset": offset,
                "limit": limit,
                "results": {"feed": [self._listed(feed, call.at) for feed in chosen]},
            }
        )

    def _judge(
        self, kind: str, entries: list[Any], received: float, done: float
    ) -> tuple[FeedItem, ...]:
        skus = [_sku(kind, entry) for entry in entries]
        times = Counter(skus)
        failing = self.faults.strike(FailedFeedItems, "feeds")
        judged: list[FeedItem] = []
        for index, (entry, sku) in enumerate(zip(entries, skus, strict=True)):
            item = self.shop.items.by_sku.get(sku)
            value = _value(kind, entry)
            if item is None:
                judged.append(FeedItem(index, sku, "DATA_ERROR", "unknown"))
            elif times[sku] > 1:
                judged.append(FeedItem(index, sku, "DATA_ERROR", "duplicate", item))
            elif value is None:
                judged.append(FeedItem(index, sku, "DATA_ERROR", "value", item))
            elif failing and self.pace.random.random() < failing.share:
                judged.append(FeedItem(index, sku, failing.status, "system", item))
            else:
                judged.append(FeedItem(index, sku, "SUCCESS", None, item))
                # The time of submission decides: a newer price that is already there stays.
                effective = done + self.pace.between(self.config.read_back_seconds)
                if kind == "inventory":
                    item.stock.submit(value, received, effective)
                else:
                    item.price.submit(value, received, effective)
        return tuple(judged)

    def _summary(self, feed: Feed, at: float) -> dict[str, Any]:
        status = feed.status(at)
        counts = Counter(item.outcome for item in feed.items)
        done = status in ("PROCESSED", "ERROR")
        return {
            "feedId": feed.feed_id,
            "feedStatus": status,
            "feedType": feed.feed_type,
            "feedSubmissionDate": self.pace.in_market_ms(feed.received_at),
            "itemsReceived": len(feed.items),
            "itemsSucceeded": counts["SUCCESS"] if done else 0,
            "itemsFailed": len(feed.items) - counts["SUCCESS"] if done else 0,
            "itemsProcessing": 0 if done else len(feed.items),
        }

    def _listed(self, feed: Feed, at: float) -> dict[str, Any]:
        counts = Counter(item.outcome for item in feed.items)
        done = feed.status(at) == "PROCESSED"
        return self._summary(feed, at) | {
            "feedSource": feed.feed_type,
            "partnerId": self.config.partner_id,
            "feedDate": self.pace.in_market_ms(feed.received_at),
            "modifiedDtm": self.pace.in_market_ms(min(at, feed.done_at)),
            "itemDataErrorCount": counts["DATA_ERROR"] if done else 0,
            "itemSystemErrorCount": counts["SYSTEM_ERROR"] if done else 0,
            "itemTimeoutErrorCount": counts["TIMEOUT_ERROR"] if done else 0,
        }


async def _document(call: Call) -> dict[str, Any]:
    if not call.request.content_type.startswith("multipart/"):
        document: dict[str, Any] = call.json(FEED)
        return document
    content = await _file(call)
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise invalid_content("file", "The file is not a JSON object", FEED)
    return parsed


async def _file(call: Call) -> bytes:
    try:
        reader = await call.request.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, BodyPartReader) and part.name == "file":
                return bytes(await part.read(decode=True))
    except ValueError:
        raise invalid_content("file", "The form is malformed", FEED) from None
    raise invalid_content("file", "The form has no file", FEED)


def _entries(kind: str, document: dict[str, Any]) -> list[Any] | None:
    """The items of a feed; ``None`` if its header or its list is missing or misspelled."""
    header, key = {
        "price": ("PriceHeader", "Price"),
        "inventory": ("InventoryHeader", "Inventory"),
    }.get(kind, ("MPItemFeedHeader", "MPItem"))
    entries = document.get(key)
    if not isinstance(document.get(header), dict) or not isinstance(entries, list):
        return None
    return entries


def _part(kind: str, entry: Any) -> Any:
    """The object that holds SKU and value; promotions wrap it once more."""
    if kind in ("price", "inventory") or not isinstance(entry, dict):
        return entry
    return entry.get("Promo&Discount")


def _sku(kind: str, entry: Any) -> str:
    part = _part(kind, entry)
    return str(part.get("sku", "")) if isinstance(part, dict) else ""


def _value(kind: str, entry: Any) -> int | None:
    part = _part(kind, entry)
    if not isinstance(part, dict):
        return None
    if kind == "inventory":
        return units(part)
    return base_price(part) if kind == "price" else amount(part.get("price"))


def _detail(result: FeedItem, done: bool) -> dict[str, Any]:
    item = result.item
    detail: dict[str, Any] = {
        "martId": 0,
        "sku": result.sku,
        "index": result.index,
        "ingestionStatus": result.outcome if done else "INPROGRESS",
    }
    if item is not None:
        detail |= {"wpid": item.wpid, "itemid": str(item.item_id)}
        if item.gtin is not None:
            identifier = {"productIdType": "GTIN", "productId": item.gtin}
            detail["productIdentifiers"] = {"productIdentifier": [identifier]}
    if done and result.error is not None:
        code, description = ERRORS[result.error]
        error = {"type": result.outcome, "code": code, "description": description, "field": "sku"}
        detail["ingestionErrors"] = {"ingestionError": [error]}
    return detail
