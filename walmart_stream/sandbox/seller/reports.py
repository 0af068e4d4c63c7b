"""Reports: asked for, waited for, downloaded from a link that soon expires."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.seller.buy_box import report_row
from walmart_stream.sandbox.seller.calls import Call, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.faults import FailedReport
from walmart_stream.sandbox.seller.pace import Pace, iso
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.refusals import (
    REPORT,
    SellerRefusal,
    invalid_param,
    not_found,
)
from walmart_stream.sandbox.seller.report_file import TYPES, Columns, FileStyle, csv_text, packed
from walmart_stream.sandbox.seller.shop import Shop

Status = Literal["RECEIVED", "SUBMITTED", "INPROGRESS", "READY", "ERROR"]
# From which part of a report's time on it has each status.
STAGES: tuple[tuple[float, Status], ...] = ((0.4, "INPROGRESS"), (0.1, "SUBMITTED"))
# Market seconds that a link works; never less than this many real ones.
LINK_SECONDS = 3600.0
SHORTEST_LINK_LIFE = 20.0
MOST_REPORTS = 500
DEFAULT_LIMIT, MOST_LISTED = 10, 100
DOWNLOAD_PATH = "/_download"


@dataclass(slots=True)
class Report:
    """A report; times are market seconds. The file is made when it is first asked for."""

    request_id: str
    kind: str
    version: str
    submitted_at: float
    ready_at: float
    fails: bool
    columns: Columns
    style: FileStyle
    file: bytes | None = None
    said: tuple[Said, ...] = ()

    def status(self, at: float) -> Status:
        """Where the report has got to at market time *at*."""
        if at >= self.ready_at:
            return "ERROR" if self.fails else "READY"
        part = (at - self.submitted_at) / (self.ready_at - self.submitted_at)
        return next((status for since, status in STAGES if part >= since), "RECEIVED")


@dataclass(frozen=True, slots=True)
class _Link:
    report: Report
    expires_at: float


@dataclass(frozen=True, slots=True)
class Reports:
    """``/v3/reports``, and the place that download links lead to."""

    config: SellerConfig
    pace: Pace
    shop: Shop
    faults: Faults
    reports: dict[str, Report] = field(default_factory=dict)
    links: dict[str, _Link] = field(default_factory=dict)

    async def create(self, call: Call) -> SellerAnswer:
        """Asks for a report; only the buy-box report exists here.

        Raises:
            SellerRefusal: 400 for another type or version, or a body that is not a JSON object.
        """
        kind, version = call.query.get("reportType", ""), call.query.get("reportVersion", "")
        if kind != "BUYBOX":
            raise invalid_param("reportType", "reportType is not supported", REPORT)
        if version != "v1":
            raise invalid_param("reportVersion", "reportVersion is not supported", REPORT)
        if call.body:
            call.json(REPORT)
        report = Report(
            request_id=str(uuid.uuid4()),
            kind=kind,
            version=version,
            submitted_at=call.at,
            ready_at=call.at + self.pace.between(self.config.report_seconds),
            fails=self.faults.strike(FailedReport, "report_create") is not None,
            columns=self._columns(),
            style=self._style(),
        )
        if len(self.reports) >= MOST_REPORTS:
            self.reports.pop(next(iter(self.reports)))
        self.reports[report.request_id] = report
        return SellerAnswer(self._json(report, call.at))

    async def status(self, call: Call) -> SellerAnswer:
        """How far a report is.

        Raises:
            SellerRefusal: 404, there is no such report.
        """
        return SellerAnswer(self._json(self._report(call.path["id"]), call.at))

    async def page(self, call: Call) -> SellerAnswer:
        """All reports, the newest first; ``nextCursor`` is a whole query string.

        Whoever sends it as a parameter gets the first page again.
        """
        page = call.number("page", 1)
        limit = max(1, call.number("limit", DEFAULT_LIMIT, MOST_LISTED))
        newest = list(reversed(self.reports.values()))
        chosen = newest[(page - 1) * limit : page * limit]
        document: dict[str, Any] = {
            "page": page,
            "totalCount": len(newest),
            "limit": limit,
            "requests": [self._json(report, call.at) for report in chosen],
        }
        if page * limit < len(newest):
            document["nextCursor"] = f"page={page + 1}&limit={limit}"
        return SellerAnswer(document)

    async def link(self, call: Call) -> SellerAnswer:
        """A link to a report's file, which works without headers for a while.

        Raises:
            SellerRefusal: 404, there is no such report or it is not ready.
        """
        report = self._report(call.query.get("requestId", ""))
        if report.status(call.at) != "READY":
            raise not_found("The report is not ready", REPORT)
        expires = self.pace.clock() + max(SHORTEST_LINK_LIFE, self.pace.real(LINK_SECONDS))
        if len(self.links) >= MOST_REPORTS:
            self.links.pop(next(iter(self.links)))
        signature = secrets.token_urlsafe(24)
        self.links[signature] = _Link(report, expires)
        origin = f"{call.request.scheme}://{call.request.host}"
        return SellerAnswer(
            {
                "requestId": report.request_id,
                "requestStatus": "READY",
                "reportType": report.kind,
                "reportVersion": report.version,
                "downloadURL": f"{origin}{DOWNLOAD_PATH}/{report.request_id}?sig={signature}",
                "downloadURLExpirationTime": iso(expires),
            }
        )

    def file(self, request: web.Request, at: float) -> tuple[bytes, str, SellerAnswer]:
        """The file that a link leads to, its content type and what it says.

        Raises:
            SellerRefusal: 404 for a wrong link, 410 for an expired one.
        """
        link = self.links.get(request.query.get("sig", ""))
        if link is None or link.report.request_id != request.match_info["id"]:
            raise not_found("No such file", REPORT)
        if link.expires_at <= self.pace.clock():
            raise SellerRefusal(410, "GONE", "The link has expired", service=REPORT)
        report = link.report
        if report.file is None:
            items = self.shop.items.by_sku.values()
            report.said = tuple(report_row(self.shop, i, at, report.columns) for i in items)
            text = csv_text((said.payload for said in report.said), report.columns)
            report.file = packed(text, f"BuyBoxReport_{report.request_id}", report.style)
        return report.file, TYPES[report.style], SellerAnswer(None, report.said)

    def _report(self, request_id: str) -> Report:
        if request_id not in self.reports:
            raise not_found("No such report request", REPORT)
        return self.reports[request_id]

    def _json(self, report: Report, at: float) -> dict[str, Any]:
        return {
            "requestId": report.request_id,
            "requestStatus": report.status(at),
            "requestSubmissionDate": iso(self.pace.in_market_ms(report.submitted_at) / 1000),
            "reportType": report.kind,
            "reportVersion": report.version,
        }

    def _columns(self) -> Columns:
        style = self.config.column_style
        return self.pace.random.choice(("documented", "legacy")) if style == "mixed" else style

    def _style(self) -> FileStyle:
        style = self.config.file_format
        return self.pace.random.choice(("zip", "gzip", "plain")) if style == "mixed" else style
