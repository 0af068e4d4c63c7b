"""The gateway in front of the seller's endpoints: one call's way from arrival to truth.

Order: outages, headers, token, scope, content types, limit, endpoint, sending. Only an
answer that left complete and correct becomes ground truth.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email.utils import formatdate

import orjson
from aiohttp import web

from walmart_stream.sandbox import faults as shared
from walmart_stream.sandbox.faults import Faults
from walmart_stream.sandbox.refusals import html_page
from walmart_stream.sandbox.seller import faults as fault
from walmart_stream.sandbox.seller.calls import Call, LimitName, Route, SellerAnswer
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.limits import Limits
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.records import Records
from walmart_stream.sandbox.seller.refusals import (
    RECEIVER,
    RawRefusal,
    SellerRefusal,
    as_xml,
    error_document,
    error_xml,
)
from walmart_stream.sandbox.seller.stats import SellerStats
from walmart_stream.sandbox.seller.tokens import CORRELATION_ID, Tokens, check_headers
from walmart_stream.sandbox.sending import gzip, hang_up, sent_whole

JSON, XML = "application/json", "application/xml"
UNKNOWN = "?"
LARGEST_BODY = 10 * 1024 * 1024
# What a content delivery network answers by itself when it cannot reach Walmart.
NETWORK_STATUSES = frozenset({502, 520, 521, 522})


@dataclass(frozen=True, slots=True)
class SellerGateway:
    """All that calls share."""

    config: SellerConfig
    pace: Pace
    tokens: Tokens
    limits: Limits
    faults: Faults
    truth: Records
    stats: SellerStats

    async def answer(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Answers *request* to *route*, and records what was served."""
        counted = self.stats.endpoints[route.name]
        counted.calls += 1
        if latency := self.faults.strike(shared.Latency, route.name):
            await asyncio.sleep(latency.seconds)
        limit: str | None = None
        try:
            self._outage(route.name)
            self._admit(request, route)
            # From here on the headers tell the state of the limit.
            limit = _limit_name(request, route.limit)
            self._within_limit(route.name, limit)
            body = await _body(request)
            answer = await route.handler(Call(request, body, self.pace.market_time()))
        except (SellerRefusal, RawRefusal) as refusal:
            counted.statuses[refusal.status] += 1
            return self._refused(request, refusal, limit)
        counted.statuses[answer.status] += 1
        return await self._send(request, route.name, answer, limit)

    async def not_found(self, request: web.Request) -> web.StreamResponse:
        """404 for a path that does not exist."""
        return self._unrouted(request, SellerRefusal(404, "URI_NOT_FOUND", "URI not found"))

    async def not_allowed(self, request: web.Request) -> web.StreamResponse:
        """405 for a path that exists for other methods."""
        refusal = SellerRefusal(405, "METHOD_NOT_ALLOWED", f"{request.method} is not allowed")
        return self._unrouted(request, refusal)

    def _unrouted(self, request: web.Request, refusal: SellerRefusal) -> web.Response:
        counted = self.stats.endpoints[UNKNOWN]
        counted.calls += 1
        counted.statuses[refusal.status] += 1
        return self._refused(request, refusal, None)

    def _outage(self, name: str) -> None:
        if page := self.faults.strike(shared.HtmlPage, name):
            made = html_page(page.status)
            raise RawRefusal(made.status, made.body, made.content_type)
        if error := self.faults.strike(shared.ServerError, name):
            if error.status in NETWORK_STATUSES:
                made = html_page(error.status)
                raise RawRefusal(made.status, made.body, made.content_type)
            raise _system_error(error.status)
        if xml := self.faults.strike(fault.XmlError, name):
            entry = {"code": f"{xml.status}.SYSTEM_ERROR"} | {
                k: v for k, v in _system_error(xml.status).entry().items() if k != "code"
            }
            raise RawRefusal(xml.status, error_xml(entry), XML)

    def _admit(self, request: web.Request, route: Route) -> None:
        name = route.name
        check_headers(request.headers)
        if route.authenticated:
            self.tokens.check(request.headers)
            if self.faults.strike(fault.ExpiredToken, name):
                raise self.tokens.expire(request.headers)
        if self.faults.strike(fault.Forbidden, name):
            raise SellerRefusal(403, "FORBIDDEN", "Access to this API is not allowed")
        if self.faults.strike(fault.Missing, name):
            raise SellerRefusal(404, "CONTENT_NOT_FOUND", "Not found")
        if _written_as(request) is None:
            raise SellerRefusal(406, "INVALID_ACCEPT_TYPE", "Accept is not supported")
        if not _has_type(request, route.types, self.config.strict_types):
            raise SellerRefusal(415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type is not supported")
        if self.faults.strike(fault.Locked, name):
            raise SellerRefusal(
                423, "RESOURCE_IS_LOCKED", "The resource is locked", service=RECEIVER
            )

    def _within_limit(self, name: str, limit: str | None) -> None:
        if throttle := self.faults.strike(shared.TooManyRequests, name):
            sent = throttle.retry_after
            raise _too_many({} if sent is None else {"Retry-After": sent})
        if limit is not None and not self.limits.buckets[limit].take():
            self.stats.endpoints[name].refused += 1
            raise _too_many({})

    def _refused(
        self, request: web.Request, refusal: SellerRefusal | RawRefusal, limit: str | None
    ) -> web.Response:
        headers = {"Date": self._date(), **self.limits.headers(limit)}
        if isinstance(refusal, RawRefusal):
            return web.Response(
                status=refusal.status,
                body=refusal.body,
                content_type=refusal.content_type,
                headers=headers,
            )
        if _written_as(request) == XML:
            body, content_type = error_xml(refusal.entry()), XML
        else:
            shape: str = self.config.error_shape
            if shape == "mixed":
                shape = self.pace.random.choice(("error", "errors", "single"))
            body = orjson.dumps(error_document(refusal.entry(), shape))
            content_type = JSON
        headers |= refusal.headers
        return web.Response(
            status=refusal.status, body=body, content_type=content_type, headers=headers
        )

    async def _send(
        self, request: web.Request, name: str, answer: SellerAnswer, limit: str | None
    ) -> web.StreamResponse:
        headers = {
            "Date": self._date(),
            CORRELATION_ID: request.headers.get(CORRELATION_ID, ""),
            **self.limits.headers(limit),
        }
        if _written_as(request) == XML:
            body = as_xml(answer.root, answer.document)
            headers["Content-Type"] = XML
        else:
            body = orjson.dumps(answer.document)
            headers["Content-Type"] = f"{JSON};charset=utf-8"
        truncated = self.faults.strike(shared.Truncated, name)
        if truncated and truncated.how == "cut":
            body = body[: len(body) // 2]
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = gzip(body)
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if truncated and truncated.how == "close":
            self.stats.incomplete += 1
            return await hang_up(request, body, headers)
        response = web.Response(status=answer.status, body=body, headers=headers)
        if not await sent_whole(request, response) or truncated:
            self.stats.incomplete += 1
            return response
        self.record(request, name, answer)
        return response

    def record(self, request: web.Request, name: str, answer: SellerAnswer) -> None:
        """Notes that *answer* left complete and correct."""
        served_at = self.pace.now_ms()
        correlation_id = request.headers.get(CORRELATION_ID, "")
        self.truth.add(
            {
                "endpoint": name,
                "correlation_id": correlation_id,
                "served_at": served_at,
                "sku": said.sku,
                "item_id": str(said.item_id),
                "payload": said.payload,
                "reading": said.reading,
            }
            for said in answer.said
        )

    def _date(self) -> str:
        return formatdate(self.pace.clock(), usegmt=True)


def _limit_name(request: web.Request, limit: LimitName) -> str | None:
    return limit(request) if callable(limit) else limit


async def _body(request: web.Request) -> bytes:
    if request.content_length is not None and request.content_length > LARGEST_BODY:
        raise SellerRefusal(413, "PAYLOAD_TOO_LARGE", "The body is too large", category="REQUEST")
    # A form is left to the endpoint, part by part.
    if not request.can_read_body or request.content_type.startswith("multipart/"):
        return b""
    return await request.read()


def _written_as(request: web.Request) -> str | None:
    """The type that the answer is written in: XML unless JSON was asked for; ``None`` is 406."""
    accept = request.headers.get("Accept", "").lower()
    if JSON in accept:
        return JSON
    return XML if not accept or "*/*" in accept or "xml" in accept else None


def _has_type(request: web.Request, types: tuple[str, ...], strict: bool) -> bool:
    """Whether the body has one of the *types*; where *strict*, also one that is not there."""
    reads = request.method in ("GET", "DELETE")
    if "Content-Type" not in request.headers:
        return reads or not request.can_read_body
    return request.content_type in types or (reads and not strict)


def _too_many(headers: dict[str, str]) -> SellerRefusal:
    return SellerRefusal(
        429,
        "REQUEST_THRESHOLD_VIOLATED",
        "The request threshold is violated",
        category="REQUEST",
        headers=headers,
    )


def _system_error(status: int) -> SellerRefusal:
    code = "DOWNSTREAM_SYSTEM_TIME_OUT" if status == 504 else "SYSTEM_ERROR"
    return SellerRefusal(status, code, "Unexpected system error", category="SYSTEM")
