"""The sandbox's own endpoints, under ``/_sandbox/``: what it did, and what it shall do wrong.

They take no signature and answer the loopback interface only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from walmart_stream.sandbox.affiliate.auth import KeyRing
from walmart_stream.sandbox.affiliate.quota import Quota
from walmart_stream.sandbox.affiliate.stats import Stats
from walmart_stream.sandbox.affiliate.truth import Truth
from walmart_stream.sandbox.control_answers import (
    DEFAULT_LINES,
    bad_request,
    error_text,
    explain,
    json_response,
    stream_records,
    whole_number,
)
from walmart_stream.sandbox.fault_endpoints import FaultEndpoints
from walmart_stream.sandbox.faults import FAULT, Faults
from walmart_stream.sandbox.market.catalogue import Catalogue
from walmart_stream.sandbox.market.market import Market

PREFIX = "/_sandbox"
# A foreign page may send neither of them without asking (CORS), which is never granted.
BODY_TYPES = frozenset({"application/json", "application/octet-stream"})
# Items that nobody asked for catch up with the market when counted; calls go on meanwhile.
ITEMS_PER_TURN = 100


class KeyUpload(BaseModel):
    """Body of ``rotate-key``: a public key (PEM), its version, and when it takes effect."""

    model_config = ConfigDict(extra="forbid")

    public_key: str
    version: str = Field(min_length=1, max_length=16)
    effective_in_seconds: float = Field(0.0, ge=0)
    retire_others: bool = False


@dataclass(frozen=True, slots=True)
class Control:
    """The control endpoints. *clock* is epoch seconds, *market_time* market seconds."""

    clock: Callable[[], float]
    market_time: Callable[[], float]
    catalogue: Catalogue
    market: Market
    keys: KeyRing
    quota: Quota
    faults: Faults
    truth: Truth
    stats: Stats

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Adds every control endpoint to *router*."""
        for method, path, handler in (
            ("GET", "stats", self.get_stats),
            ("GET", "truth", self.get_truth),
            ("GET", "items", self.get_items),
            ("GET", "changes", self.get_changes),
            ("POST", "rotate-key", self.rotate_key),
        ):
            router.add_route(method, f"{PREFIX}/{path}", handler)
        FaultEndpoints(self.faults, FAULT).add_routes(router, PREFIX)

    async def get_stats(self, request: web.Request) -> web.Response:
        """Counts since the start; ``truth`` names the first and last record kept."""
        stats, at = self.stats, self.market_time()
        changes = 0
        for index, product in enumerate(self.catalogue.products):
            changes += self.market.changes(product.item_id, at)
            if index % ITEMS_PER_TURN == 0:
                await asyncio.sleep(0)
        return json_response(
            {
                "calls": stats.calls,
                "ok": stats.statuses[200],
                "statuses": {str(status): n for status, n in sorted(stats.statuses.items())},
                "incomplete": stats.incomplete,
                "items_served": stats.items_served,
                "over_quota": self.quota.refused,
                "calls_today": self.quota.used_today,
                "catalogue_items": len(self.catalogue.products),
                "market_seconds": at,
                "market_changes": changes,
                "truth": {"first": self.truth.first, "last": self.truth.last},
            }
        )

    async def get_truth(self, request: web.Request) -> web.StreamResponse:
        """The ground truth after record ``after``, as NDJSON (see ``Truth.lines``)."""
        return await stream_records(request, self.truth)

    async def get_items(self, request: web.Request) -> web.Response:
        """The catalogue's first ``limit`` items: ``item_id`` (text), ``upc`` and ``name``."""
        limit = whole_number(request, "limit", DEFAULT_LINES, None)
        items = [
            {"item_id": str(product.item_id), "upc": product.upc, "name": product.name}
            for product in self.catalogue.products[:limit]
        ]
        return json_response({"items": items})

    async def get_changes(self, request: web.Request) -> web.Response:
        """Item id -> market seconds of its changes, of the catalogue's first ``limit`` items.

        ``market_seconds`` is the market's time at ``at`` (epoch ms), by which the times of the
        ground truth can be put on the same scale.
        """
        limit = whole_number(request, "limit", DEFAULT_LINES, None)
        at, now = self.market_time(), self.clock()
        changes = {}
        for index, product in enumerate(self.catalogue.products[:limit]):
            changes[str(product.item_id)] = self.market.moments(product.item_id, at)
            if index % ITEMS_PER_TURN == 0:
                await asyncio.sleep(0)
        answer = {"market_seconds": at, "at": int(now * 1000), "changes": changes}
        return json_response(answer)

    async def rotate_key(self, request: web.Request) -> web.Response:
        """Registers a public key under a version, effective after the given delay."""
        try:
            upload = KeyUpload.model_validate_json(await request.read())
            self.keys.upload(
                upload.version,
                upload.public_key,
                upload.effective_in_seconds,
                upload.retire_others,
            )
        except ValidationError as error:
            raise bad_request(explain(error)) from None
        except ValueError as error:
            raise bad_request(f"public_key: {error}") from None
        return json_response({"version": upload.version}, status=201)


@web.middleware
async def loopback_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuses the control endpoints to everybody but this machine.

    A page that its browser has open is not this machine: it comes under a foreign name (DNS
    rebinding), says where it is from, or sends a body of a type that needs no permission of ours.
    """
    if request.path.startswith(f"{PREFIX}/"):
        callers = (request.remote, _host_name(request), _origin(request))
        if not all(map(_is_loopback, callers)):
            raise web.HTTPForbidden(
                text=error_text("forbidden", "loopback only"), content_type="application/json"
            )
        if request.body_exists and request.headers.get("Content-Type") not in BODY_TYPES:
            raise web.HTTPUnsupportedMediaType(
                text=error_text("unsupported_media_type", "Content-Type must be application/json"),
                content_type="application/json",
            )
    response: web.StreamResponse = await handler(request)
    return response


def _host_name(request: web.Request) -> str:
    """The name of the ``Host`` header, without its port; empty where there is not one name."""
    hosts = request.headers.getall("Host", [])
    try:
        return urlsplit(f"//{hosts[0]}").hostname or "" if len(hosts) == 1 else ""
    except ValueError:
        return ""


def _origin(request: web.Request) -> str:
    """The host of the page that sends the request; this machine where it is not sent by one."""
    origin = request.headers.get("Origin")
    if origin is None:
        return "localhost"
    try:
        return urlsplit(origin).hostname or ""
    except ValueError:
        return ""


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
