"""The API proxy in front of the affiliate endpoints: one request's way from arrival to truth.

Order: outages (latency, server errors, HTML pages), signature, quota, endpoint, sending; only
an answer that left complete and correct becomes ground truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate

from aiohttp import web

from walmart_stream.sandbox import faults as fault
from walmart_stream.sandbox.affiliate.auth import Authenticator
from walmart_stream.sandbox.affiliate.endpoints import Endpoint
from walmart_stream.sandbox.affiliate.item_json import ItemWriter
from walmart_stream.sandbox.affiliate.quota import Quota
from walmart_stream.sandbox.affiliate.serving import Answer, Listings, Serving
from walmart_stream.sandbox.affiliate.stats import Stats
from walmart_stream.sandbox.affiliate.truth import ServedAnswer, Truth
from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.refusals import (
    Refusal,
    application_refusal,
    html_page,
    too_many_requests,
)
from walmart_stream.sandbox.sending import gzip, hang_up, sent_whole

CORRELATION_ID = "WM_QOS.CORRELATION_ID"
LONGEST_URI = 4096


@dataclass(frozen=True, slots=True)
class AffiliateGateway:
    """All that requests share. *clock* is epoch seconds, *market_time* market seconds."""

    clock: Callable[[], float]
    market_time: Callable[[], float]
    market: Listings
    authenticator: Authenticator
    quota: Quota
    faults: Faults
    truth: Truth
    stats: Stats
    writer: ItemWriter

    async def answer(
        self, request: web.Request, name: str, endpoint: Endpoint
    ) -> web.StreamResponse:
        """Answers *request* to the endpoint called *name* and records what was served."""
        self.stats.calls += 1
        if latency := self.faults.strike(fault.Latency, name):
            await asyncio.sleep(latency.seconds)
        shift = self.faults.strike(fault.ClockShift, name)
        now = self.clock() + (shift.milliseconds / 1000 if shift else 0.0)
        try:
            self._admit(request, name, now)
            answer = self._answer(request, name, endpoint)
        except Refusal as refusal:
            self.stats.statuses[refusal.status] += 1
            return web.Response(
                status=refusal.status,
                body=refusal.body,
                headers={"Date": _date(now), **refusal.headers},
                content_type=refusal.content_type,
            )
        self.stats.statuses[200] += 1
        return await self._send(request, name, answer, now)

    def _admit(self, request: web.Request, name: str, now: float) -> None:
        if error := self.faults.strike(fault.ServerError, name):
            raise application_refusal(error.status, error.status, "Service is unavailable")
        if page := self.faults.strike(fault.HtmlPage, name):
            raise html_page(page.status)
        if len(request.raw_path) > LONGEST_URI:
            raise application_refusal(414, 414, "URI Too Long")
        self.authenticator.check(request.headers, now)
        if throttle := self.faults.strike(fault.TooManyRequests, name):
            raise too_many_requests(throttle.retry_after)
        if not self.quota.take():
            raise too_many_requests()

    def _answer(self, request: web.Request, name: str, endpoint: Endpoint) -> Answer:
        missing = self.faults.strike(fault.MissingFields, name)
        unknown = self.faults.strike(fault.UnknownItems, name)
        serving = Serving(
            market=self.market,
            writer=self.writer,
            at=self.market_time(),
            publisher=request.query.get("publisherId"),
            missing=(lambda: self.faults.missing(missing)) if missing else frozenset,
            vanished=unknown.item_ids if unknown else frozenset(),
            left_out=unknown is not None and unknown.left_out,
        )
        return endpoint(request.query, serving)

    async def _send(
        self, request: web.Request, name: str, answer: Answer, now: float
    ) -> web.StreamResponse:
        truncated = self.faults.strike(fault.Truncated, name)
        body = answer.body
        if truncated and truncated.how == "cut":
            body = body[: len(body) // 2]
        headers = {"Date": _date(now), "Content-Type": "application/json;charset=utf-8"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = gzip(body)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if truncated and truncated.how == "close":
            self.stats.incomplete += 1
            return await hang_up(request, body, headers)
        response = web.Response(body=body, headers=headers)
        if not await sent_whole(request, response) or truncated:
            self.stats.incomplete += 1
            return response
        self.stats.items_served += len(answer.items)
        self.truth.record(
            ServedAnswer(
                endpoint=name,
                correlation_id=request.headers.get(CORRELATION_ID, ""),
                served_at=int(self.clock() * 1000),
                items=answer.items,
            )
        )
        return response


def _date(now: float) -> str:
    return formatdate(now, usegmt=True)
