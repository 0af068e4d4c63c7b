"""Hand-moved time and a Walmart made of prepared responses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import orjson
from multidict import CIMultiDict

from walmart_stream.walmart.errors import WalmartError
from walmart_stream.walmart.transport import Response

NOON = 1_795_348_800.0
CONSUMER = "3c1f7a52-5d0e-4a55-9f4e-0d1b2c3d4e5f"
BASE = "https://walmart.test/api-proxy/service/affil/product/v2"


@dataclass
class HandClock:
    """Epoch seconds that move when somebody sleeps, or is told to."""

    now: float = NOON
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


@dataclass
class Asked:
    """A request as the transport got it, and when."""

    at: float
    url: str
    params: Mapping[str, str]
    headers: Mapping[str, str]

    @property
    def ids(self) -> list[str]:
        return self.params["ids"].split(",")


Reply = Response | WalmartError


@dataclass
class PreparedWalmart:
    """A transport without network: *answer* makes the response, which takes *latency* seconds."""

    clock: HandClock
    answer: Callable[[Asked], Reply]
    latency: float = 0.0
    asked: list[Asked] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str],
        timeout: float,
    ) -> Response:
        asked = Asked(self.clock(), url, params or {}, headers)
        self.asked.append(asked)
        self.clock.now += self.latency
        reply = self.answer(asked)
        if isinstance(reply, WalmartError):
            raise reply
        return reply

    async def close(self) -> None:
        pass


def response(status: int, document: Any, **headers: str) -> Response:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, CIMultiDict(named), body)


def http_date(at: float) -> str:
    return formatdate(at, usegmt=True)


def items_of(asked: Asked) -> Response:
    """Walmart's answer if it knows every item."""
    return response(200, {"items": [{"itemId": int(item_id)} for item_id in asked.ids]})
