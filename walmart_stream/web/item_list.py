"""The list of items: as stored, and since when each was not seen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from aiohttp import web

from walmart_stream.domain.offers import FEATURED, OWN
from walmart_stream.domain.recent import DAY_MS, WEEK_MS, count_since, line_since, no_steps
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_queries import (
    MOST_FOUND,
    Choice,
    TooManyFound,
    list_items,
    offers_of,
)
from walmart_stream.storage.rows import ITEM_COLUMNS, csv_line, item_row
from walmart_stream.storage.sealed import UNREADABLE, FieldSeal
from walmart_stream.web import cursor
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest, json_response
from walmart_stream.web.inputs import ItemsQuery, query
from walmart_stream.web.items import standing_of, stored_offer
from walmart_stream.web.seen import seen_of

_PLAIN = (
    "own",
    "best_rival",
    "featured",
    "marketplace",
    "gap_cents",
    "gap_pct",
    "state",
    "holder",
)
_SEALED = ("state", "holder")


async def items(context: Context, request: web.Request) -> web.StreamResponse:
    """A page of items."""
    asked = query(ItemsQuery, request)
    return json_response(await items_page_data(context, asked, live=asked.live))


async def items_page_data(
    context: Context, asked: ItemsQuery, *, live: bool = False
) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.item_outputs.Items`.

    *live*: the workers are asked since when each item was not seen.

    Raises:
        BadRequest: the cursor, the filter or the order cannot be; the message says why.
    """
    found = await stored_items_data(context.database, context.seal, context.clock(), asked)
    if live:
        told = await seen_of(context, [one["item_id"] for one in found["items"]])
        for one in found["items"]:
            one["seen_at"] = told.at.get(one["item_id"])
        found["late_workers"] = told.late
    return found


async def stored_items_data(
    database: Any, seal: FieldSeal, now: datetime, asked: ItemsQuery
) -> dict[str, Any]:
    """The same as far as it is stored; *now* (aware) is what a day and a week end at.

    Raises:
        BadRequest: as :func:`items_page_data`.
    """
    sealed = "state" if asked.state is not None else asked.sort
    if seal.is_on and sealed in _SEALED:
        raise BadRequest(f"{sealed}: is sealed (MONGODB_FIELD_KEYS), and cannot be looked up")
    choice = Choice(asked.q, asked.tag, asked.state, asked.sort, asked.order == "desc")
    after = None if asked.cursor is None else cursor.place_of(asked.cursor, asked.sort)
    try:
        page = await list_items(database, choice, after, asked.limit)
    except TooManyFound:
        raise BadRequest(
            f"q: each word is one of more than {MOST_FOUND:,} items; write more of it, or add a "
            "rarer one"
        ) from None
    offers = await offers_of(database, [one["_id"] for one in page.documents])
    at = to_ms(now)
    return {
        "items": [_item(one, offers[one["_id"]], seal, at) for one in page.documents],
        "next_cursor": None if page.next is None else cursor.of_place(asked.sort, page.next),
        "late_workers": [],
    }


def items_csv(found: Mapping[str, Any]) -> str:
    """The page *found* as CSV with a header line."""
    lines = [csv_line(ITEM_COLUMNS), *(csv_line(item_row(one)) for one in found["items"])]
    return "".join(f"{line}\r\n" for line in lines)


def _item(
    sealed: Mapping[str, Any], offers: Mapping[str, Mapping[str, Any]], seal: FieldSeal, now: int
) -> dict[str, Any]:
    stored = seal.open(ITEMS, sealed)
    recent = stored.get("recent") or no_steps()
    day, more_a_day = count_since(recent, now - DAY_MS)
    week, more_a_week = count_since(recent, now - WEEK_MS)
    line = OWN if recent[OWN] else FEATURED
    box = stored.get("buy_box") or {"steps": []}
    changed_at = stored.get("changed_at")
    found = {
        "item_id": stored["_id"],
        "name": stored.get("name"),
        "tags": list(stored.get("tags", ())),
        "watched": stored.get("watched"),
        "offers": {name: stored_offer(offer) for name, offer in offers.items()},
        "standing": standing_of(offers, seal),
        **{name: stored.get(name) for name in _PLAIN},
        "changed_at": None if changed_at is None else to_iso(to_ms(changed_at)),
        "changes": {
            "day": day,
            "day_is_more": more_a_day,
            "week": week,
            "week_is_more": more_a_week,
        },
        "sparkline": {
            "offer": line,
            "steps": [
                {"at": to_iso(step[0]), "landed_cents": step[1]}
                for step in line_since(recent[line], now - WEEK_MS)
            ],
        },
        "ribbon": [
            {"at": to_iso(step[0]), "holder": step[1], "seller": step[2], "suppressed": step[3]}
            for step in line_since(box["steps"], now - DAY_MS)
        ],
        "seen_at": None,
    }
    if UNREADABLE in stored:
        found[UNREADABLE] = stored[UNREADABLE]
    return found
