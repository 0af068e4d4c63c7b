"""The page of an item: chart, buy box, windows, changes with their places, standing, downloads."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from aiohttp import web

from walmart_stream.web.chart import Svg, chart, legend, sign, summary, table
from walmart_stream.web.chart.words import name_of
from walmart_stream.web.context import Context
from walmart_stream.web.inputs import SeriesQuery, item_id_of
from walmart_stream.web.item_page import WIDTH, item_data, news_of
from walmart_stream.web.item_series import DEFAULT_RANGE, MOST_OFFERS, RANGES, item_series_csv
from walmart_stream.web.pages.addresses import filled, query_of
from walmart_stream.web.pages.frame import data, page

# Rows of the table behind the chart; its download has all.
ROWS = 300
# Pixels of the chart on a phone.
NARROW = 380
LABELS = {"24h": "24 h", "7d": "7 d", "30d": "30 d", "90d": "90 d", "all": "All"}


class Choice(NamedTuple):
    """A link to the same page with one choice changed."""

    label: str
    address: str
    is_chosen: bool
    key: str = ""


async def show(context: Context, request: web.Request) -> web.StreamResponse:
    """The page."""
    asked = filled(SeriesQuery, request)
    found = await item_data(context, item_id_of(request), asked)
    series = found["series"]
    # Of ten thousand steps it takes tens of milliseconds.
    wide, narrow = await asyncio.to_thread(_drawn, series)
    rows = table(series)
    return page(
        context,
        request,
        "item.html",
        found=found,
        chart=wide,
        narrow=narrow,
        known_for=context.rules.known_ms / 1000,
        legend=[(sign(entry.series), entry) for entry in legend(series)],
        summary=summary(series),
        rows=rows[:ROWS],
        row_count=len(rows),
        ranges=_ranges(asked),
        offers=_offers(asked, series),
        prices=_prices(asked),
        here=query_of(asked),
        asked=asked,
    )


async def answer(context: Context, request: web.Request) -> web.StreamResponse:
    """The page's data."""
    found = await item_data(context, item_id_of(request), filled(SeriesQuery, request))
    return data(request, found, same=news_of(found))


async def answer_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The chart's data."""
    return await item_series_csv(context, request)


def _drawn(series: Mapping[str, Any]) -> tuple[Svg, Svg]:
    """The chart for a desk and the one for a phone, on which the first one's text is too small."""
    return chart(series, width=WIDTH), chart(series, width=NARROW, ident="narrow")


def _ranges(asked: SeriesQuery) -> list[Choice]:
    has_own = asked.since is not None or asked.until is not None
    chosen = None if has_own else asked.range or DEFAULT_RANGE
    return [
        Choice(
            LABELS[name],
            query_of(asked, range=name, **{"from": None, "to": None}),
            name == chosen,
            str(number),
        )
        for number, name in enumerate((*RANGES, "all"), 1)
    ]


def _offers(asked: SeriesQuery, series: Mapping[str, Any]) -> list[Choice]:
    shown = [one["offer"] for one in series["offers"]]
    choices = []
    for name in series["known_offers"]:
        others = [one for one in shown if one != name]
        chosen = others if name in shown else [*shown, name]
        # The last one stays, and there is no room for a sixth.
        if 0 < len(chosen) <= MOST_OFFERS:
            address = query_of(asked, offers=",".join(chosen))
            choices.append(Choice(name_of(name), address, name in shown))
    return choices


def _prices(asked: SeriesQuery) -> list[Choice]:
    return [
        Choice(label, query_of(asked, price=name), asked.price == name)
        for name, label in (("landed", "With shipping"), ("item", "Item price"))
    ]
