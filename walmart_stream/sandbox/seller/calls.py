"""A call to the seller side after the gateway has admitted it, and its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web
from multidict import MultiMapping

from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.refusals import GATEWAY, SellerRefusal, invalid_param


@dataclass(frozen=True, slots=True)
class Call:
    """One admitted call. ``at`` is market seconds; ``body`` has been read."""

    request: web.Request
    body: bytes
    at: float

    @property
    def query(self) -> MultiMapping[str]:
        """The query parameters."""
        return self.request.query

    @property
    def path(self) -> Mapping[str, str]:
        """The variable parts of the path, decoded."""
        return self.request.match_info

    def json(self, service: str = GATEWAY) -> Any:
        """The body's JSON object.

        Raises:
            SellerRefusal: 400, it is not a JSON object.
        """
        try:
            document = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            raise SellerRefusal(
                400, "MALFORMED_REQUEST_CONTENT", "The body is not a JSON object", service=service
            )
        return document

    def number(self, name: str, default: int, most: int | None = None) -> int:
        """A query parameter that is a whole number.

        Raises:
            SellerRefusal: 400, it is something else or above *most*.
        """
        text = self.query.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and len(text) <= 9):
            raise invalid_param(name, f"{name} is no whole number")
        if most is not None and int(text) > most:
            raise invalid_param(name, f"{name} is at most {most}")
        return int(text)


@dataclass(frozen=True, slots=True)
class SellerAnswer:
    """A 2xx answer: *document* is JSON, unless it is bytes, which go out as they are."""

    document: Any
    said: tuple[Said, ...] = ()
    status: int = 200
    root: str = "response"
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[SellerAnswer]]
LimitName = str | Callable[[web.Request], str | None] | None


@dataclass(frozen=True, slots=True)
class Route:
    """An endpoint: its *name* in statistics and faults, and the limit that it is under.

    ``types`` are the content types that a body may have; ``authenticated`` is false for what
    answers without token.
    """

    method: str
    path: str
    name: str
    handler: Handler
    limit: LimitName = None
    types: tuple[str, ...] = ("application/json",)
    authenticated: bool = True
