"""The buy-box report: who holds the box of each of the seller's items, and at what price."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from walmart_stream.domain.item_id import item_id_in
from walmart_stream.domain.reading.buy_box_report import BuyBoxRow as BuyBoxRow
from walmart_stream.domain.reading.buy_box_report import OtherOffer as OtherOffer
from walmart_stream.domain.reading.buy_box_report import read_row
from walmart_stream.domain.reading.csv_file import Record, RecordFault
from walmart_stream.walmart.seller.report_file import rows
from walmart_stream.walmart.seller.reports import PATIENCE, POLL_EVERY, SellerReports

TYPE, VERSION = "BUYBOX", "v1"


@dataclass(frozen=True, slots=True)
class BuyBoxReport:
    """``malformed`` counts the lines that are not rows, or have no SKU or item id."""

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
        """The report that was asked for, looked for every *every* seconds.

        Raises:
            NotReady: it does not come within *within* seconds.
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
        named = None if isinstance(row, RecordFault) else named_in(row)
        if named is None or isinstance(row, RecordFault):
            malformed += 1
            continue
        found.append(read_row(row.cells, *named))
    return BuyBoxReport(request_id, tuple(found), malformed)


def named_in(row: Record) -> tuple[str, str] | None:
    """SKU and item id of a row; a SKU is an identifier, so ``NA`` and ``null`` are SKUs."""
    sku = row.cells.get("sku")
    item_id = item_id_in(row.cells.get("itemid", ""))
    return None if sku is None or item_id is None else (sku, item_id)
