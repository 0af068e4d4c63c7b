"""A seller side made of prepared answers, served over real HTTP, on hand-moved time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from tests.walmart.prepared import HandClock, http_date

CLIENT_ID = "0a1b2c3d-seller"
CLIENT_SECRET = "s3cr3t-of-the-seller/+="


@dataclass
class Asked:
    """A request as it arrived, and when. ``path`` and ``query_string`` are as they were sent."""

    at: float
    method: str
    path: str
    query_string: str
    query: dict[str, str]
    headers: Any
    body: bytes

    @property
    def document(self) -> Any:
        return orjson.loads(self.body)


Answer = Callable[[Asked], web.Response]


def reply(document: Any, status: int = 200, **headers: str) -> web.Response:
    """An answer with JSON, or with *document* as it is if that is bytes."""
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(status=status, body=body, headers=named)


def fault(status: int, code: str, description: str = "?", **headers: str) -> web.Response:
    """An error as Walmart's gateway writes it."""
    entry = {
        "code": code,
        "field": code.partition(".")[0],
        "description": description,
        "info": "",
        "severity": "ERROR",
        "category": "DATA",
        "causes": [],
        "errorIdentifiers": {},
    }
    return reply({"error": [entry]}, status, **headers)


NOTHING = ("CONTENT_NOT_FOUND.GMP_ITEM_QUERY_API", "No item found")


@dataclass
class SellerServer:
    """Answers tokens by *on_token* (token-1, token-2, … of 900 s if none), the rest by *answer*."""

    clock: HandClock
    answer: Answer
    on_token: Answer | None = None
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    token_requests: list[Asked] = field(default_factory=list)

    def give_token(self) -> web.Response:
        """The next token, as Walmart gives it."""
        text = f"token-{len(self.token_requests)}"
        return reply({"access_token": text, "token_type": "Bearer", "expires_in": 900})

    async def handle(self, request: web.Request) -> web.Response:
        path, _, query_string = request.raw_path.partition("?")
        asked = Asked(
            self.clock(),
            request.method,
            path,
            query_string,
            dict(request.query),
            request.headers.copy(),
            await request.read(),
        )
        if path == "/v3/token":
            self.token_requests.append(asked)
            response = self.give_token() if self.on_token is None else self.on_token(asked)
        else:
            self.asked.append(asked)
            response = self.answer(asked)
        # The server's clock is ours, unless a test says otherwise.
        response.headers.setdefault("Date", http_date(self.clock()))
        return response
