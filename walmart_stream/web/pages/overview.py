"""The first screen: is all well, what needs the seller, four figures, and the items."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from walmart_stream.domain.time import parse_iso
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.overview import overview_data
from walmart_stream.web.pages.frame import data, page

# Milliseconds between two pages of figures that only grew older.
PACE = 10_000

LABELS = {
    "lost": "Buy box lost",
    "suppressed": "Suppressed",
    "unpublished": "Unpublished",
    "undercut": "Undercut",
    "not_seen": "Not seen",
}


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page."""
    query(NoQuery, request)
    found = await overview_data(context)
    return page(context, request, "overview.html", found=found, labels=LABELS)


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    query(NoQuery, request)
    found = await overview_data(context)
    return data(request, found, same=news_of(found))


def news_of(found: Mapping[str, Any]) -> Any:
    """The part of the page's data that somebody would want to know at once."""
    health = found["health"]
    return [
        health["state"],
        health["todo"],
        [[part["name"], part["state"]] for part in health["parts"]],
        [[one["kind"], one["item_id"]] for one in found["needs_you"]],
        found["needs_counts"],
        parse_iso(found["at"]) // PACE,
    ]
