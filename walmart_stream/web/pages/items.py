"""The list of items as a page: sorted, filtered, searched and cut into pages at the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from aiohttp import web

from walmart_stream.domain.recent import DAY_MS, WEEK_MS
from walmart_stream.domain.time import parse_iso, to_ms
from walmart_stream.web.chart import Svg, mini_ribbon, sparkline
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import ItemsQuery
from walmart_stream.web.item_list import items_csv, items_page_data
from walmart_stream.web.pages.addresses import filled, query_of
from walmart_stream.web.pages.frame import data, page
from walmart_stream.web.pages.words import as_time

# Items of a page where the address does not say how many.
ITEMS = 50

# Milliseconds between two pages that differ only in when items were seen.
PACE = 10_000

STATES = ("winning", "competitive", "lost", "suppressed", "unknown")
# Orders whose first click shows what matters most on top.
_LARGE_FIRST = frozenset({"gap_cents", "gap_pct", "changed_at"})


class Column(NamedTuple):
    """A heading; ``address`` sorts by it, ``direction`` is the present one."""

    label: str
    address: str
    direction: str | None
    css: str = ""


class Row(NamedTuple):
    """An item as listed, with its pictures, and the time until which its prices count as known."""

    item: Mapping[str, Any]
    ribbon: Svg
    sparkline: Svg


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page."""
    asked = items_query(request)
    found = await items_page_data(context, asked, live=True)
    return page(context, request, "items.html", asked=asked, **shown(context, asked, found))


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    found = await items_page_data(context, items_query(request), live=True)
    return data(request, found, same=news_of(context, found))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The items of the page, a line for each."""
    found = await items_page_data(context, items_query(request), live=True)
    return web.Response(
        body=items_csv(found).encode(),
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": 'attachment; filename="items.csv"',
        },
    )


def items_query(request: web.Request) -> ItemsQuery:
    """The items asked for; fields that a form left empty do not count."""
    asked = filled(ItemsQuery, request)
    if "limit" not in asked.model_fields_set:
        asked = asked.model_copy(update={"limit": ITEMS})
    return asked


def shown(context: Context, asked: ItemsQuery, found: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template of the list needs."""
    items = found["items"]
    # Sellers without an offer of their own see the featured and the marketplace one instead.
    has_own = any(one["own"] is not None for one in items)
    following = found["next_cursor"]
    return {
        "rows": [_row(context, one) for one in items],
        "has_own": has_own,
        "columns": _columns(asked, has_own),
        "late": found["late_workers"],
        "known_for": context.rules.known_ms / 1000,
        "here": query_of(asked),
        "more": None if following is None else query_of(asked, cursor=following),
        "first": query_of(asked, cursor=None) or "?",
        "states": STATES,
    }


def news_of(context: Context, found: Mapping[str, Any]) -> Any:
    """The part of the list that is new when something happened, or some seconds have passed."""
    items = [
        {name: value for name, value in one.items() if name != "seen_at"} for one in found["items"]
    ]
    return [items, found["next_cursor"], found["late_workers"], to_ms(context.clock()) // PACE]


def _columns(asked: ItemsQuery, has_own: bool) -> list[Column]:
    prices = [("own", "Own"), ("best_rival", "Best rival"), ("gap_cents", "Gap")]
    if not has_own:
        prices = [("featured", "Featured"), ("marketplace", "Marketplace")]
    amounts = [_column(asked, name, label, "amount") for name, label in prices]
    if has_own:
        amounts += [_column(asked, "gap_pct", "Gap %", "amount")]
        amounts += [_column(asked, "holder", "Buy box, 24 h")]
    return [
        _column(asked, "name", "Item"),
        *amounts,
        _column(asked, "changed_at", "Last change"),
        Column("Seen", "", None),
        Column("7 days", "", None),
    ]


def _column(asked: ItemsQuery, name: str, label: str, css: str = "") -> Column:
    present = asked.order if asked.sort == name else None
    order = "desc" if name in _LARGE_FIRST else "asc"
    if present is not None:
        order = "asc" if present == "desc" else "desc"
    return Column(label, query_of(asked, sort=name, order=order, cursor=None), present, css)


def _row(context: Context, item: Mapping[str, Any]) -> Row:
    now = to_ms(context.clock())
    last = as_time(item["seen_at"] or item["changed_at"])
    until = 0 if last is None else to_ms(last) + context.rules.known_ms
    line = item["sparkline"]
    return Row(
        item,
        mini_ribbon(
            _steps(item["ribbon"], "holder", "seller", "suppressed"),
            now - DAY_MS,
            now,
            until=until,
        ),
        sparkline(
            _steps(line["steps"], "landed_cents"),
            now - WEEK_MS,
            now,
            until=until,
            name=f"{line['offer']} with shipping",
        ),
    )


def _steps(steps: Sequence[Mapping[str, Any]], *fields: str) -> list[list[Any]]:
    return [[parse_iso(step["at"]), *(step[field] for field in fields)] for step in steps]
