"""The watchlist: listed, added to as JSON or CSV, and removed from."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading.csv_file import decode
from walmart_stream.domain.reading.json_text import BOM, check_values
from walmart_stream.domain.watch import RowFault, WatchEntry, parse_csv, stamped
from walmart_stream.web import cursor
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest, json_response
from walmart_stream.web.inputs import (
    MAX_ENTRIES,
    NoQuery,
    WatchlistQuery,
    WatchMany,
    WatchOne,
    check,
    item_id_of,
    query,
)

# Bad lines named in an answer; who has more is not helped by all of them.
MAX_REJECTED = 1_000

# Values of a body, before any is made: an entry has two, and its tags.
MAX_VALUES = 3 * MAX_ENTRIES

_Read = tuple[list[WatchEntry], list[RowFault]]


async def listing(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of the watched items of all workers."""
    return json_response(await watchlist_data(context, query(WatchlistQuery, request)))


async def watchlist_data(context: Context, asked: WatchlistQuery) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.outputs.Watchlist`.

    Raises:
        BadRequest: the cursor is none.
        KafkaError, TimeoutError: the brokers do not answer.
    """
    after = "" if asked.cursor is None else cursor.item_of(asked.cursor)
    found, total = await context.live.watched(after, asked.limit + 1, asked.tag)
    page = found[: asked.limit]
    return {
        "items": [entry.fields() for entry in page],
        "total": total,
        "next_cursor": cursor.of_item(page[-1].item_id) if len(found) > len(page) else None,
    }


async def add(context: Context, request: web.Request) -> web.StreamResponse:
    """Watch items; answered when the brokers have acknowledged all of them."""
    query(NoQuery, request)
    body = await request.read()
    read = _from_csv if request.content_type == "text/csv" else _from_json
    # Beside the event loop: a full body takes some tenths of a second.
    async with context.work.body:
        entries, faults = await asyncio.to_thread(_stamped, read, body, context.clock())
        rejected = [{"line": line, "reason": reason} for line, reason in faults[:MAX_REJECTED]]
        if not entries:
            first = f": {faults[0]}" if faults else ""
            raise BadRequest(f"no row names an item{first}", rejected=rejected)
        await context.live.watch(entries)
    return json_response({"added": len(entries), "rejected": rejected})


async def remove(context: Context, request: web.Request) -> web.StreamResponse:
    """Stop watching an item; answered when the brokers have acknowledged it."""
    query(NoQuery, request)
    item_id = item_id_of(request)
    await context.live.unwatch([item_id])
    return json_response({"removed": item_id})


def _stamped(read: Callable[[bytes], _Read], body: bytes, now: datetime) -> _Read:
    entries, faults = read(body)
    return stamped(entries, now), faults


def _from_csv(body: bytes) -> _Read:
    if body.count(b"\n") + body.count(b"\r") > 2 * MAX_ENTRIES:
        raise BadRequest(f"the body: at most {MAX_ENTRIES} lines are taken at a time")
    return parse_csv(decode(body))


def _from_json(body: bytes) -> _Read:
    try:
        check_values(body, MAX_VALUES)
        values = orjson.loads(body.removeprefix(BOM))
    except MalformedJson:
        raise BadRequest(
            f"the body: more than {MAX_VALUES} values; "
            f"of items, at most {MAX_ENTRIES} are taken at a time"
        ) from None
    except orjson.JSONDecodeError as exc:
        raise BadRequest(f"the body is not JSON: {str(exc)[:100]}") from None
    if not isinstance(values, dict):
        raise BadRequest("the body: must be an object with item_id or items")
    listed = values.get("items")
    if isinstance(listed, list) and len(listed) > MAX_ENTRIES:
        raise BadRequest(f"items: at most {MAX_ENTRIES} are taken at a time")
    asked = check(WatchMany, values).items if "items" in values else [check(WatchOne, values)]
    # Of several entries for an item the last one counts, as in the topic.
    entries = {
        one.item_id: WatchEntry(item_id=one.item_id, note=one.note, tags=one.tags) for one in asked
    }
    return list(entries.values()), []
