"""The answers of other workers, which are not trusted to be ours before they look like it."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import ClientResponse

# Bytes: twice the largest value that a changelog takes.
LARGEST_ANSWER = 8 * 1024 * 1024


class Unusable(Exception):
    """An answer is none that could be ours; the message says why."""


async def json_of(response: ClientResponse, largest: int) -> dict[str, Any]:
    """The JSON object of *response*, of at most *largest* bytes.

    Raises:
        ClientError: not all of it comes.
        Unusable: it is something else.
    """
    if response.content_type != "application/json":
        raise Unusable("not JSON")
    # A compressed body is not decompressed, so it fails to parse as JSON below.
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > largest:
            raise Unusable("too large")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Unusable("not JSON") from None
    if not isinstance(value, dict):
        raise Unusable("another form")
    return value
