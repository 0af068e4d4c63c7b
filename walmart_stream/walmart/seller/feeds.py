"""Feeds: changes handed in as a file, and what became of each item in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import FEED
from walmart_stream.walmart.seller.polling import poll

# The most that Walmart gives at once.
PAGE = 50

# Walmart advises to ask about prices no sooner than after five minutes, and promises fifteen.
POLL_EVERY = 300.0
PATIENCE = 3600.0

SUCCESS = "SUCCESS"
IN_PROGRESS = "INPROGRESS"
_DONE = ("PROCESSED", "ERROR")


@dataclass(frozen=True, slots=True)
class FeedItem:
    """``status`` is SUCCESS, INPROGRESS, DATA_ERROR, SYSTEM_ERROR or TIMEOUT_ERROR.

    ``errors`` say why in Walmart's words: code, field and description in one text each.
    """

    sku: str
    status: str
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Feed:
    """``status`` is RECEIVED, INPROGRESS, PROCESSED or ERROR; PROCESSED does not mean success.

    ``items`` maps SKUs to what became of them; ``None`` for a count is unknown.
    """

    feed_id: str
    status: str
    received: int | None
    succeeded: int | None
    failed: int | None
    processing: int | None
    items: Mapping[str, FeedItem] = field(default_factory=dict)

    @property
    def done(self) -> bool:
        """Whether nothing will change any more."""
        if self.status == "ERROR":
            return True
        waiting = any(item.status == IN_PROGRESS for item in self.items.values())
        return self.status in _DONE and not self.processing and not waiting


class SellerFeeds:
    """Looks after feeds that have been handed in."""

    def __init__(self, calls: SellerCalls) -> None:
        self._calls = calls

    async def get(self, feed_id: str) -> Feed:
        """The state of a feed; with all of its items once Walmart has gone through it.

        Raises:
            ContentNotFound: there is no such feed, or not yet.
            WalmartError: a call failed.
        """
        items: dict[str, FeedItem] = {}
        offset = 0
        while True:
            feed, entries = await self._calls.call(
                FEED,
                f"/v3/feeds/{quote(feed_id, safe='')}",
                lambda reply: _read_feed(reply, feed_id),
                params={"includeDetails": "true", "offset": str(offset), "limit": str(PAGE)},
            )
            for sku, item in feed.items.items():
                # A SKU that was in the feed twice: its failure must not be hidden.
                if sku not in items or items[sku].status == SUCCESS:
                    items[sku] = item
            offset += entries
            is_last = not entries or (feed.received is not None and offset >= feed.received)
            if is_last or feed.status not in _DONE:
                return replace(feed, items=items)

    async def wait(
        self, feed_id: str, *, every: float = POLL_EVERY, within: float = PATIENCE
    ) -> Feed:
        """The feed when it is done, looked at every *every* seconds.

        Raises:
            NotReady: it is not, within *within* seconds.
            WalmartError: a call failed in a way that waiting does not heal.
        """

        async def ask() -> Feed | None:
            feed = await self.get(feed_id)
            return feed if feed.done else None

        return await poll(
            ask, what=f"feed {feed_id}", every=every, within=within, retry=self._calls.retry
        )


def read_feed_id(reply: Reply) -> str:
    """The id that a submission is answered with.

    Raises:
        MalformedResponse: there is none.
    """
    feed_id = read.text(read.document(reply.document, "feed").get("feedid"))
    if feed_id is None:
        raise MalformedResponse("the answer to the feed has no feedId")
    return feed_id


def _read_feed(reply: Reply, feed_id: str) -> tuple[Feed, int]:
    """A page of the feed, and how many entries it had."""
    found = read.document(reply.document, "feed")
    details = read.fields(found.get("itemdetails"))
    entries = read.objects(details.get("itemingestionstatus"), "itemIngestionStatus")
    status = read.text(found.get("feedstatus"))
    if status is None:
        raise MalformedResponse("the answer about the feed has no feedStatus")
    items = (item for entry in entries if (item := _read_item(entry)) is not None)
    feed = Feed(
        feed_id=feed_id,
        status=status.upper(),
        received=read.count(found.get("itemsreceived")),
        succeeded=read.count(found.get("itemssucceeded")),
        failed=read.count(found.get("itemsfailed")),
        processing=read.count(found.get("itemsprocessing")),
        items={item.sku: item for item in sorted(items, key=lambda item: item.status != SUCCESS)},
    )
    return feed, len(entries)


def _read_item(entry: Any) -> FeedItem | None:
    found = read.fields(entry)
    sku, status = found.get("sku"), read.text(found.get("ingestionstatus"))
    if not isinstance(sku, str) or status is None:
        return None
    faults = read.fields(found.get("ingestionerrors")).get("ingestionerror")
    return FeedItem(sku, status.upper(), tuple(_fault(fault) for fault in _listed(faults)))


def _listed(faults: Any) -> list[Any]:
    return faults if isinstance(faults, list) else [faults] if isinstance(faults, dict) else []


def _fault(fault: Any) -> str:
    found = read.fields(fault)
    parts = (read.plain(found.get(name)) for name in ("code", "field", "description"))
    return ": ".join(part for part in parts if part) or "no reason given"
