"""A report as one page that needs nothing else: the same charts as the pages, with their style."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from heapq import heappush, heappushpop
from importlib.resources import files
from itertools import pairwise
from typing import Any, NamedTuple

import jinja2

from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN
from walmart_stream.domain.plain import plain
from walmart_stream.web.chart import Svg, chart, legend, sign, summary
from walmart_stream.web.templating import templates
from walmart_stream.web.words import dollars

# Rows of the tables of the first page.
MOST_ROWS = 10
WIDTH = 960


class Move(NamedTuple):
    """An offer's first and last known price in the time, cents; in order of their distance."""

    distance: float
    item_id: str
    offer: str
    name: str | None
    first: int
    last: int

    @property
    def percent(self) -> float:
        """From the first to the last, in percent of the first."""
        return (self.last - self.first) * 100 / self.first


class Boxed(NamedTuple):
    """An item's time in the buy box; in order of how little it is."""

    lack: float
    item_id: str
    name: str | None
    own_share: float
    known_share: float


@dataclass(slots=True)
class Totals:
    """The sums of a report, and the first rows of its tables: memory does not grow with items."""

    items: int = 0
    left_out: int = 0
    up: int = 0
    down: int = 0
    above: int = 0
    compared: int = 0
    own: float = 0.0
    known: float = 0.0
    _moves: list[Move] = field(default_factory=list)
    _boxes: list[Boxed] = field(default_factory=list)

    def add(self, data: Mapping[str, Any]) -> None:
        """Count an item's series; see :mod:`walmart_stream.web.item_series`."""
        self.items += 1
        last = {}
        for one in data["offers"]:
            prices = [cents for _, _, kind, cents in one["segments"] if kind == "price"]
            self.up += sum(b > a for a, b in pairwise(prices))
            self.down += sum(b < a for a, b in pairwise(prices))
            if one["last_kind"] == "price":
                last[one["offer"]] = one["last_cents"]
            if prices and prices[0] and prices[0] != prices[-1]:
                distance = abs(prices[-1] - prices[0]) / prices[0]
                key = (distance, data["item_id"], one["offer"], data["name"])
                _keep(self._moves, Move(*key, prices[0], prices[-1]))
        own = last.pop(OWN, None)
        if own is not None and last:
            self.compared += 1
            self.above += own > min(last.values())
        self._count_box(data)

    def _count_box(self, data: Mapping[str, Any]) -> None:
        box = data["buy_box"]
        if box is None or box["own_share"] is None:
            return
        self.own += box["own_share"] * box["known_share"]
        self.known += box["known_share"]
        if box["own_share"] < 1:
            shares = box["own_share"], box["known_share"]
            _keep(
                self._boxes,
                Boxed(1 - box["own_share"], data["item_id"], data["name"] or "", *shares),
            )

    @property
    def own_share(self) -> float | None:
        """Own's share of the time for which the holder is known, over all items."""
        return self.own / self.known if self.known else None

    @property
    def moves(self) -> list[Move]:
        """The biggest ones, largest first."""
        return sorted(self._moves, reverse=True)

    @property
    def boxes(self) -> list[Boxed]:
        """The items with the least time in the buy box, least first."""
        return sorted(self._boxes, reverse=True)


def head(totals: Totals, since: datetime, until: datetime, now: datetime, tag: str | None) -> str:
    """The page up to its items."""
    return _page("head.html").render(
        totals=totals, since=since, until=until, now=now, tag=tag, css=_css()
    )


def item(data: Mapping[str, Any]) -> str:
    """An item with its chart."""
    return _page("item.html").render(
        data=data,
        chart=chart(data, width=WIDTH, ident=f"chart-{data['item_id']}"),
        legend=legend(data),
        summary=summary(data),
        sign=sign,
    )


def foot() -> str:
    """The rest of the page."""
    return _page("foot.html").render()


def offer_name(offer: str) -> str:
    """An offer in a table."""
    names = {OWN: "own", FEATURED: "featured", MARKETPLACE: "marketplace"}
    return names.get(offer, offer.removeprefix("rival:"))


def _keep(rows: list[Any], row: Any) -> None:
    """Keep the largest :data:`MOST_ROWS`."""
    if len(rows) < MOST_ROWS:
        heappush(rows, row)
    else:
        heappushpop(rows, row)


def _page(name: str) -> jinja2.Template:
    return _environment().get_template(name)


@cache
def _environment() -> jinja2.Environment:
    made = templates("templates/report")
    made.filters.update(plain=plain, day=_day, share=_share, dollars=dollars, offer=offer_name)
    return made


@cache
def _css() -> Svg:
    folder = files("walmart_stream.web")
    charts = folder / "static" / "chart.css"
    page = folder / "templates" / "report" / "report.css"
    return Svg(charts.read_text("utf-8") + page.read_text("utf-8"))


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M")


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.0%}"
