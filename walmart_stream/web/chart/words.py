"""A chart in words: one sentence for those who do not see it, and the table behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from walmart_stream.domain.time import parse_iso, to_datetime
from walmart_stream.web.words import dollars

_OFFERS = {
    "own": "Own offer",
    "featured": "Featured offer",
    "marketplace": "Best marketplace offer",
}


class TableRow(NamedTuple):
    """One segment in words; ``cents`` is a number where ``kind`` is price or partial."""

    offer: str
    begin: int
    end: int
    kind: str
    cents: int | None
    words: str


class Entry(NamedTuple):
    """An offer in the legend: the number of its series, its name, and the price it ends with."""

    series: int
    offer: str
    name: str
    words: str


def name_of(offer: str) -> str:
    """An offer as people call it; a rival by its seller's name."""
    return _OFFERS.get(offer, offer.removeprefix("rival:"))


def words_of(kind: str, cents: int | None) -> str:
    """A segment's price as text; what is not known is never 0."""
    if cents is None:
        return "not available" if kind == "unavailable" else "not seen"
    return dollars(cents) if kind == "price" else f"{dollars(cents)} + ? shipping"


def summary(data: Mapping[str, Any]) -> str:
    """One sentence for each offer of a series, and one for the buy box."""
    price = "Landed price" if data["price"] == "landed" else "Item price"
    said = [f"{price} from {_when(data['from'])} to {_when(data['to'])} UTC."]
    for one in data["offers"]:
        now = words_of(one["last_kind"], one["last_cents"])
        course = f"{name_of(one['offer'])}: {now} at the end"
        low, high = one["low_cents"], one["high_cents"]
        if low is not None and high is not None:
            span = f"always {dollars(low)}"
            if low != high:
                span = f"between {dollars(low)} and {dollars(high)}"
            course += f", {span} while known"
        said.append(f"{course}, seen {one['known_share']:.0%} of the time.")
    box = data["buy_box"]
    if box is not None and box["own_share"] is not None:
        said.append(
            f"Buy box: own {box['own_share']:.0%} of the time for which its holder is known "
            f"({box['known_share']:.0%} of all)."
        )
    return " ".join(said)


def legend(data: Mapping[str, Any]) -> list[Entry]:
    """The offers in the order of their series."""
    return [
        Entry(
            number,
            one["offer"],
            name_of(one["offer"]),
            words_of(one["last_kind"], one["last_cents"]),
        )
        for number, one in enumerate(data["offers"])
    ]


def table(data: Mapping[str, Any]) -> list[TableRow]:
    """The segments of all offers, newest first."""
    rows = [
        TableRow(one["offer"], begin, end, kind, cents, words_of(kind, cents))
        for one in data["offers"]
        for begin, end, kind, cents in one["segments"]
    ]
    return sorted(rows, key=lambda row: (-row.begin, row.offer))


def _when(text: str) -> str:
    return to_datetime(parse_iso(text)).strftime("%Y-%m-%d %H:%M")
