"""The buy-box report: who holds the box of each of the seller's items, and at what price."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from walmart_stream.domain.observation import ITEM_ID
from walmart_stream.walmart import seller_fields as read
from walmart_stream.walmart.seller_report_file import rows
from walmart_stream.walmart.seller_reports import PATIENCE, POLL_EVERY, SellerReports

TYPE, VERSION = "BUYBOX", "v1"

# Old files have the columns "Offer2 Item Price", "Offer2 Ship Price" and so on.
_OTHERS = (("offer2", 2), ("offer3", 3), ("offer4", 4))


@dataclass(frozen=True, slots=True)
class OtherOffer:
    """A rival's price and shipping in cents, in the place that Walmart gave it."""

    place: int
    price_cents: int | None
    shipping_cents: int | None


@dataclass(frozen=True, slots=True)
class BuyBoxRow:
    """One of the seller's items. Money is cents; ``None`` is unknown, shipping of 0 is free.

    ``wins`` is whether the seller holds the box.
    """

    sku: str
    item_id: str
    name: str | None
    category: str | None
    price_cents: int | None
    shipping_cents: int | None
    wins: bool | None
    box_price_cents: int | None
    box_shipping_cents: int | None
    others: tuple[OtherOffer, ...] = ()


@dataclass(frozen=True, slots=True)
class BuyBoxReport:
    """``malformed`` counts the lines without a SKU or an item id."""

    request_id: str
    rows: tuple[BuyBoxRow, ...]
    malformed: int = 0


class BuyBox:
    """Gets the report. It takes Walmart 15 to 45 minutes to make one."""

    def __init__(self, reports: SellerReports) -> None:
        self._reports = reports

    async def request(self) -> str:
        """Asks for a new report; its request id, which is good for 30 days.

        Raises:
            WalmartError: the call failed.
        """
        return await self._reports.request(TYPE, VERSION)

    async def wait(
        self, request_id: str, *, every: float = POLL_EVERY, within: float = PATIENCE
    ) -> BuyBoxReport:
        """The report that was asked for, looked for *every* so many seconds.

        Raises:
            NotReady: it is not there *within* so many seconds.
            JobFailed: Walmart could not make it.
            MalformedResponse: the file is none that can be read.
            WalmartError: a call failed in a way that waiting does not heal.
        """
        body = await self._reports.wait(request_id, every=every, within=within)
        # Tens of megabytes of CSV would stop everything else for seconds.
        return await asyncio.to_thread(read_report, body, request_id)


def read_report(body: bytes, request_id: str = "") -> BuyBoxReport:
    """The report in a file: ZIP, gzip or CSV.

    Raises:
        MalformedResponse: it is no such report.
    """
    found = []
    malformed = 0
    for row in rows(body, ("sku", "itemid")):
        sku, item_id = row.get("sku"), row.get("itemid", "").removesuffix(".0")
        if sku is None or not ITEM_ID.fullmatch(item_id):
            malformed += 1
            continue
        found.append(
            BuyBoxRow(
                sku=sku,
                item_id=item_id,
                name=row.get("productname"),
                category=row.get("productcategory"),
                price_cents=read.cents(row.get("selleritemprice")),
                shipping_cents=read.cents(row.get("sellershipprice")),
                wins=read.flag(row.get("issellerbuyboxwinner")),
                box_price_cents=read.cents(row.get("buyboxitemprice")),
                box_shipping_cents=read.cents(row.get("buyboxshipprice")),
                others=_others(row),
            )
        )
    return BuyBoxReport(request_id, tuple(found), malformed)


def _others(row: dict[str, str]) -> tuple[OtherOffer, ...]:
    offers = (
        OtherOffer(
            place, read.cents(row.get(f"{name}itemprice")), read.cents(row.get(f"{name}shipprice"))
        )
        for name, place in _OTHERS
    )
    return tuple(offer for offer in offers if offer.price_cents is not None)
