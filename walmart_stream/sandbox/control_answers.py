"""How control endpoints read their parameters and write their answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import orjson
from aiohttp import web
from pydantic import ValidationError

from walmart_stream.sandbox.faults import ArmedFault

DEFAULT_LINES = 1_000
MOST_LINES = 100_000
# Lines written at once, so that a long download does not hold up the calls being served.
LINES_PER_WRITE = 200


class NumberedRecords(Protocol):
    """Records numbered without gaps from ``first`` to ``last``."""

    @property
    def first(self) -> int:
        """Number of the oldest record still kept; ``last + 1`` if there is none."""

    @property
    def last(self) -> int:
        """Number of the newest record; 0 if there was none."""

    def lines(self, after: int, limit: int) -> Iterator[bytes]:
        """Up to *limit* records numbered above *after*, each one line of JSON."""


async def stream_records(request: web.Request, records: NumberedRecords) -> web.StreamResponse:
    """The records after ``after``, at most ``limit``, as NDJSON."""
    after = whole_number(request, "after", 0, None)
    limit = whole_number(request, "limit", DEFAULT_LINES, MOST_LINES)
    last = min(after + limit, records.last)
    response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
    await response.prepare(request)
    after = max(after, records.first - 1)
    while after < last:
        size = min(LINES_PER_WRITE, last - after)
        await response.write(b"".join(records.lines(after, size)))
        after += size
    await response.write_eof()
    return response


def whole_number(request: web.Request, name: str, default: int, most: int | None) -> int:
    """The query parameter *name*, at most *most*.

    Raises:
        HTTPBadRequest: it is no whole number.
    """
    text = request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise bad_request(f"{name}: not a whole number")
    return int(text) if most is None else min(int(text), most)


def fault_json(armed: ArmedFault) -> dict[str, Any]:
    """An armed fault, as the answer to whoever armed it."""
    return {
        "id": armed.number,
        **armed.fault.model_dump(mode="json"),
        "remaining": armed.remaining,
        "struck": armed.struck,
    }


def explain(error: ValidationError) -> str:
    """The fault of a body, in one line."""
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, d['loc']))}: {d['msg']}" for d in details)


def error_text(code: str, message: str) -> str:
    """The body of an error."""
    return orjson.dumps({"error": {"code": code, "message": message}}).decode()


def bad_request(message: str) -> web.HTTPBadRequest:
    """400 with *message*."""
    return web.HTTPBadRequest(
        text=error_text("bad_request", message), content_type="application/json"
    )


def json_response(document: object, status: int = 200) -> web.Response:
    """*document* as JSON."""
    return web.Response(body=orjson.dumps(document), status=status, content_type="application/json")
