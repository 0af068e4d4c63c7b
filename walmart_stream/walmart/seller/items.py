"""The seller's own items: the whole list, page by page, or one of them.

``GET /v3/items`` pages in a way of its own. The first page is asked for with the cursor ``*``; the
cursor that it gives names a snapshot and stays the same, and ``offset`` moves on. The snapshot is
gone after some two minutes, and no offset may be beyond 10,000.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import quote

import orjson

from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.walmart.answer_json import original_of, payload_of
from walmart_stream.walmart.errors import (
    ContentNotFound,
    CursorExpired,
    ListTooLong,
    MalformedResponse,
)
from walmart_stream.walmart.seller import fields as read
from walmart_stream.walmart.seller.calls import Reply, SellerCalls
from walmart_stream.walmart.seller.limits import ITEM, ITEMS

# What all editions of the documentation allow; the latest says 1,000.
PAGE = 200
DEEPEST_OFFSET = 10_000

# Snapshots that may expire under one reading of the list.
RESTARTS = 3

ProductIdType = Literal["SKU", "GTIN", "UPC", "EAN", "ISBN", "ITEM_ID"]


@dataclass(frozen=True, slots=True)
class OwnItem:
    """One of the seller's items. ``payload`` is its JSON object, byte for byte as it was sent.

    Where these bytes are not JSON, they are in ``original``, and ``payload`` has them mended.

    The price has no shipping in it, and none means that none is set. There is no Walmart item
    id in it: that is in reports and search only. ``published`` is PUBLISHED,
    READY_TO_PUBLISH, IN_PROGRESS, UNPUBLISHED, STAGE or SYSTEM_PROBLEM, ``lifecycle`` ACTIVE,
    ARCHIVED or RETIRED, ``shelf`` the path in the shop.
    """

    sku: str
    name: str | None
    price_cents: int | None
    published: str | None
    lifecycle: str | None
    unpublished_reasons: tuple[str, ...]
    condition: str | None
    wpid: str | None
    upc: str | None
    gtin: str | None
    product_type: str | None
    shelf: tuple[str, ...]
    variant_group: str | None
    payload: bytes
    original: bytes | None = None


@dataclass(frozen=True, slots=True)
class OwnItems:
    """One response with items; ``observed_at`` in epoch seconds when it had arrived.

    ``entries`` are those that it had, ``malformed`` of them without a SKU, among them the
    ``unreadable``, whose quotes or brackets do not match. ``total`` is what
    Walmart counts in the whole list.
    """

    request_id: str
    observed_at: float
    items: tuple[OwnItem, ...]
    entries: int = 0
    malformed: int = 0
    total: int | None = None
    cursor: str | None = None
    unreadable: tuple[Unreadable, ...] = ()


class SellerItems:
    """Reads items. *page* is how many a page has at most."""

    def __init__(self, calls: SellerCalls, page: int = PAGE) -> None:
        self._calls = calls
        self._page = page

    async def get(self, product_id: str, kind: ProductIdType = "SKU") -> OwnItem:
        """One item, by default by its SKU.

        Raises:
            ContentNotFound: the seller has no such item, or it has not been taken in yet.
            WalmartError: the call failed.
        """
        return (await self._get(product_id, kind)).items[0]

    async def all(
        self,
        *,
        lifecycle: str | None = None,
        published: str | None = None,
        known: Iterable[str] = (),
    ) -> AsyncIterator[OwnItems]:
        """All items, each SKU once, in responses as they come; those with nothing new are left out.

        *lifecycle* and *published* ask for items of that status only. *known* SKUs that are not
        among the first 10,000 are asked for one by one, in case that there are more.

        Raises:
            CursorExpired: reading took too long again and again.
            ListTooLong: some could not be reached; all others have been yielded.
            MalformedResponse: the list is shorter than it said it was, or repeats itself.
            WalmartError: a call failed; what came before it has been yielded.
        """
        status = {"lifecycleStatus": lifecycle, "publishedStatus": published}
        params = {name: value for name, value in status.items() if value is not None}
        seen: set[str] = set()
        beyond = 0
        for restart in range(RESTARTS + 1):
            try:
                async for answer in self._pages(params):
                    fresh = tuple(item for item in answer.items if item.sku not in seen)
                    seen.update(item.sku for item in fresh)
                    if fresh or answer.malformed:
                        yield replace(answer, items=fresh)
            except CursorExpired:
                # The next snapshot may have another order: only its start is safe.
                if restart == RESTARTS:
                    raise
            except ListTooLong as error:
                beyond = error.unreached
                break
            else:
                break
        for sku in known if beyond else ():
            if sku in seen:
                continue
            try:
                answer = await self._get(sku, "SKU")
            except ContentNotFound:
                continue
            seen.add(sku)
            beyond -= 1
            yield answer
        if beyond > 0:
            raise ListTooLong(
                f"{beyond} items are beyond the {DEEPEST_OFFSET:,} that Walmart lists: ask by "
                "status, or give their SKUs",
                unreached=beyond,
            )

    async def _get(self, product_id: str, kind: ProductIdType) -> OwnItems:
        answer = await self._calls.call(
            ITEM,
            f"/v3/items/{quote(product_id, safe='')}",
            _read_page,
            params={"productIdType": kind},
        )
        if not answer.items:
            raise ContentNotFound(f"no item with {kind} {product_id[:60]!r}")
        return answer

    async def _pages(self, params: dict[str, str]) -> AsyncIterator[OwnItems]:
        """One snapshot from its start to its end.

        Raises:
            CursorExpired: it was gone before.
            ListTooLong: it has more than can be paged.
        """
        cursor, offset = "*", 0
        skus: set[str] = set()
        total: int | None = None
        while True:
            asked = {"nextCursor": cursor, "offset": str(offset), "limit": str(self._page)}
            try:
                answer = await self._calls.call(
                    ITEMS, "/v3/items", _read_page, params=asked | params
                )
            except ContentNotFound:
                # What Walmart says of an empty list, and maybe of one that has come to its end.
                answer = OwnItems("", 0.0, ())
            total = answer.total if total is None else total
            new = {item.sku for item in answer.items} - skus
            if answer.items and not new:
                raise MalformedResponse("the list of items repeats itself instead of going on")
            skus |= new
            if answer.entries:
                yield answer
            offset += answer.entries
            cursor = answer.cursor or cursor
            # A page that is not full need not be the last: Walmart may have a limit of its own.
            if offset >= total if total is not None else not answer.entries:
                return
            if not answer.entries:
                raise MalformedResponse(f"the list of items ends after {offset} of {total}")
            if offset > DEEPEST_OFFSET:
                raise ListTooLong("the list is too long", unreached=(total or offset + 1) - offset)


def _read_page(reply: Reply) -> OwnItems:
    found = read.document(reply.document, "items")
    entries = read.objects(found.get("itemresponse"), "ItemResponse")
    items = tuple(item for entry in entries if (item := _read_item(entry)) is not None)
    unreadable = [entry for entry in entries if isinstance(entry, Unreadable)]
    return OwnItems(
        request_id=reply.request_id,
        observed_at=reply.observed_at,
        items=items,
        entries=len(entries),
        malformed=len(entries) - len(items),
        total=read.count(found.get("totalitems")),
        cursor=read.text(found.get("nextcursor")),
        unreadable=tuple(unreadable),
    )


def _read_item(entry: Any) -> OwnItem | None:
    found = read.fields(entry)
    # As it is, blanks included: it has to be given back like this.
    sku = found.get("sku")
    if isinstance(sku, int) and not isinstance(sku, bool):
        sku = str(sku)
    if not isinstance(sku, str) or not sku.strip():
        return None
    return OwnItem(
        sku=sku,
        name=read.plain(found.get("productname")),
        price_cents=read.price(found.get("price")),
        published=read.text(found.get("publishedstatus")),
        lifecycle=read.text(found.get("lifecyclestatus")),
        unpublished_reasons=_reasons(found.get("unpublishedreasons")),
        condition=read.text(found.get("condition")),
        wpid=read.text(found.get("wpid")),
        upc=read.text(found.get("upc")),
        gtin=read.text(found.get("gtin")),
        product_type=read.text(found.get("producttype")),
        shelf=_shelf(found.get("shelf")),
        variant_group=read.text(found.get("variantgroupid")),
        payload=payload_of(entry),
        original=original_of(entry),
    )


def _reasons(value: Any) -> tuple[str, ...]:
    return read.texts(read.fields(value).get("reason") if isinstance(value, dict) else value)


def _shelf(value: Any) -> tuple[str, ...]:
    """A JSON array inside of a text, or the array itself."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            return read.texts(value)
    return read.texts(value)
