"""The first screen: is all well, what needs the seller, four figures, and the items."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pymongo.errors import PyMongoError

from walmart_stream.domain.time import parse_iso
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import ItemsQuery, NoQuery, query
from walmart_stream.web.item_list import items_page_data
from walmart_stream.web.overview import overview_data
from walmart_stream.web.pages.frame import data, page, values_file
from walmart_stream.web.pages.items import news_of as items_news
from walmart_stream.web.pages.items import shown

# Milliseconds between two pages of figures that only grew older.
PACE = 10_000

# The items that changed last: the list has all of them, in any order.
FIRST_ITEMS = ItemsQuery(sort="changed_at", order="desc", limit=15)

LABELS = {
    "lost": "Buy box lost",
    "suppressed": "Suppressed",
    "unpublished": "Unpublished",
    "undercut": "Undercut",
    "not_seen": "Not seen",
}

# The lists that have all items of a kind, and some more.
LISTS = {
    "lost": "/items?state=lost&sort=changed_at&order=desc",
    "suppressed": "/items?state=suppressed&sort=changed_at&order=desc",
    "unpublished": "/items?state=lost&sort=own&order=desc",
    "undercut": "/items?sort=gap_pct&order=desc",
    "not_seen": None,
}


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page; without the database it shows what the workers know."""
    query(NoQuery, request)
    found = await _found(context)
    listed = found["items"]
    return page(
        context,
        request,
        "overview.html",
        found=found["overview"],
        labels=LABELS,
        lists=LISTS,
        listed=None if listed is None else shown(context, FIRST_ITEMS, listed),
    )


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    query(NoQuery, request)
    found = await _found(context)
    return data(request, found, same=news_of(context, found))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data, a line for each value."""
    query(NoQuery, request)
    return values_file("overview", await _found(context))


async def _found(context: Context) -> dict[str, Any]:
    overview, items = await asyncio.gather(overview_data(context), _items(context))
    return {"overview": overview, "items": items}


async def _items(context: Context) -> dict[str, Any] | None:
    try:
        return await items_page_data(context, FIRST_ITEMS, live=True)
    except PyMongoError:
        return None


def news_of(context: Context, page_data: Mapping[str, Any]) -> Any:
    """The part of the page's data that somebody would want to know at once."""
    found, items = page_data["overview"], page_data["items"]
    health = found["health"]
    return [
        health["state"],
        health["todo"],
        [[part["name"], part["state"]] for part in health["parts"]],
        [[one["kind"], one["item_id"]] for one in found["needs_you"]],
        found["needs_counts"],
        None if items is None else items_news(context, items),
        parse_iso(found["at"]) // PACE,
    ]
