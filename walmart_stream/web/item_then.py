"""An item as it was known at a time: read from the raw topic, by whichever worker is asked."""

from __future__ import annotations

import asyncio

from aiohttp import web

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.web.context import Context
from walmart_stream.web.errors import Gone, NotFound, NotReady, json_response
from walmart_stream.web.inputs import ItemQuery, item_id_of, query
from walmart_stream.web.limits import LIMITS

# The query parameter that asks for it.
AT = "at"


async def item_then(context: Context, request: web.Request) -> web.StreamResponse:
    """The offers as of ``at``, each with the record that it was known by."""
    moment = query(ItemQuery, request).at
    assert moment is not None
    item_id, at = item_id_of(request), to_ms(moment)
    try:
        async with asyncio.timeout(LIMITS.log), context.work.log:
            then = await context.live.known_then(item_id, at)
    except TimeoutError:
        raise NotReady(
            f"reading the log takes longer than {LIMITS.log:.0f} s; the command "
            "`walmart-stream state` has no such limit"
        ) from None
    if not then["offers"] and then["is_whole"]:
        raise NotFound(f"item {item_id} had not been observed by {to_iso(at)}")
    if not then["offers"]:
        raise Gone(f"the raw topic no longer holds what was observed of item {item_id} by then")
    return json_response({"item_id": item_id, "at": to_iso(at), **then})
