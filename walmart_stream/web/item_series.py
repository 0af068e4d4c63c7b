"""An item's prices over a span as contiguous segments, with the holder of the box.

Made of what is stored, and of what the item's worker knows beyond it. Without that worker the last
closed windows are the newest thing known, and the answer says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from aiohttp import web

from walmart_stream.domain.offers import FEATURED, MARKETPLACE, OWN, Offer
from walmart_stream.domain.series.ribbon import Held, featured_ribbon, ribbon, shares
from walmart_stream.domain.series.seen import Sight, Span, Step, seen_spans
from walmart_stream.domain.series.segments import Segment, segments
from walmart_stream.domain.series.thinning import thin, thin_ribbon
from walmart_stream.domain.standing import Holder, Seen, standing
from walmart_stream.domain.time import parse_iso, to_iso, to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.rows import cells_of, csv_line
from walmart_stream.storage.sealed import FieldSeal
from walmart_stream.storage.series import (
    Document,
    Past,
    Stored,
    TooLong,
    first_change_at,
    offers_of,
    stored,
)
from walmart_stream.web.context import Context
from walmart_stream.web.errors import BadRequest, NotFound, json_response
from walmart_stream.web.inputs import SeriesQuery, item_id_of, query
from walmart_stream.web.items import live_offers
from walmart_stream.web.live import MONGODB
from walmart_stream.web.workers import Silent

MOST_OFFERS = 5
BEST_RIVAL = "best_rival"
RANGES = {
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "7d"
# Of a span that begins with the item.
SHORTEST = timedelta(minutes=1)
COLUMNS = ("item_id", "offer", "from", "to", "kind", "price", "cents")


class Live(NamedTuple):
    """The newest of each offer by its worker, and why it is missing, if it is."""

    offers: Mapping[str, Mapping[str, Any]]
    missing: str | None = None


class Stock(NamedTuple):
    """The sources of a series: the database, as of *now*, and the rules of windows."""

    database: Any
    seal: FieldSeal
    rules: Rules
    now: datetime


async def not_asked() -> Live:
    """No worker's word."""
    return Live({}, "no worker was asked")


async def item_series(context: Context, request: web.Request) -> web.StreamResponse:
    """The item's series as JSON."""
    asked = query(SeriesQuery, request)
    return json_response(await series_data(context, item_id_of(request), asked))


async def item_series_csv(context: Context, request: web.Request) -> web.StreamResponse:
    """The item's series as CSV, a line for each segment."""
    asked = query(SeriesQuery, request)
    data = await series_data(context, item_id_of(request), asked)
    return web.Response(
        body=await asyncio.to_thread(series_csv, data),
        headers={
            "Content-Type": "text/csv; charset=utf-8; header=present",
            "Content-Disposition": f'attachment; filename="series-{data["item_id"]}.csv"',
        },
    )


async def series_data(context: Context, item_id: str, asked: SeriesQuery) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.series_outputs.ItemSeries`.

    Raises:
        NotFound: nothing is stored of the item.
        BadRequest: the span or the offers asked for cannot be answered.
        PyMongoError: the database cannot be asked.
    """
    return await stored_series(
        Stock(context.database, context.seal, context.rules, context.clock()),
        item_id,
        asked,
        lambda: _live(context, item_id),
    )


async def stored_series(
    stock: Stock, item_id: str, asked: SeriesQuery, live: Callable[[], Awaitable[Live]] = not_asked
) -> dict[str, Any]:
    """As :func:`series_data`, of the database alone unless *live* asks a worker."""
    offers = {offer["offer"]: offer for offer in await offers_of(stock.database, item_id)}
    if not offers:
        raise NotFound(f"nothing is stored of item {item_id}")
    chosen = _chosen(asked.offers, offers)
    first = await first_change_at(stock.database, item_id)
    since, until = _span(asked, first, stock.now)
    # Of the ribbon, which is of own, or else of the featured offer.
    holder = OWN if OWN in offers else FEATURED if FEATURED in offers else None
    needed = dict.fromkeys(chosen if holder is None else (*chosen, holder))
    try:
        found, newest = await asyncio.gather(
            stored(stock.database, [offers[name] for name in needed], since, until, stock.rules),
            live(),
        )
    except TooLong as exc:
        raise BadRequest(str(exc)) from None
    made = await asyncio.to_thread(
        _made, stock, found, newest, chosen, holder, to_ms(since), to_ms(until), asked
    )
    return {
        "item_id": item_id,
        "name": max(offers.values(), key=lambda offer: offer["changed_at"])["name"],
        "from": to_iso(to_ms(since)),
        "to": to_iso(to_ms(until)),
        "first_at": None if first is None else to_iso(to_ms(first)),
        "price": asked.price,
        "points": asked.points,
        "known_offers": list(offers),
        **made,
        "seen_at": _seen_at(newest),
        "not_live": newest.missing,
    }


def series_csv(data: Mapping[str, Any]) -> bytes:
    """The segments of :func:`series_data` as CSV; unknown is an empty cell, not 0."""
    lines = [csv_line(COLUMNS)]
    for offer in data["offers"]:
        for begin, end, kind, cents in offer["segments"]:
            values = (
                *(data["item_id"], offer["offer"], to_iso(begin), to_iso(end), kind),
                *(data["price"], cents),
            )
            lines.append(csv_line(cells_of(values)))
    return "".join(f"{line}\r\n" for line in lines).encode()


def _span(asked: SeriesQuery, first: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """[since, until), which ends now at the latest: of the future nothing is known."""
    until = min(asked.until or now, now)
    since = asked.since
    if since is None and asked.range == "all":
        since = min(first or until, until - timedelta(seconds=1))
    elif since is None:
        since = until - RANGES[asked.range or DEFAULT_RANGE]
        if asked.range is None and first is not None:
            # Of an item that is new the chart would be empty, but for its end.
            since = max(since, min(first, until - SHORTEST))
    if since >= until:
        raise BadRequest(f"from: must be before now, {to_iso(to_ms(now))}")
    return since, until


def _chosen(asked: str | None, offers: Mapping[str, Document]) -> list[str]:
    """The names asked for, each once; the best rival by its name.

    Raises:
        BadRequest: one is none of the item's, or they are too many.
    """
    best = _best_rival(offers)
    if asked is None:
        first = (OWN, best, FEATURED) if OWN in offers else (FEATURED, MARKETPLACE)
        return _known(first, offers) or list(offers)[:2]
    named = (best if name == BEST_RIVAL else name for name in _names(asked, offers))
    found = _known(named, offers)
    if len(found) > MOST_OFFERS:
        raise BadRequest(f"offers: {MOST_OFFERS} at most, not {len(found)}")
    return found


def _known(names: Iterable[str | None], offers: Mapping[str, Document]) -> list[str]:
    return [name for name in dict.fromkeys(names) if name is not None and name in offers]


def _names(asked: str, offers: Mapping[str, Document]) -> list[str]:
    """The offers that *asked* names; a seller's name may have commas in it."""
    parts = asked.split(",")
    names: list[str] = []
    while parts:
        for length in range(len(parts), 0, -1):
            name = ",".join(parts[:length])
            if name in offers or name == BEST_RIVAL:
                names.append(name)
                del parts[:length]
                break
        else:
            known = ", ".join([*list(offers)[:20], BEST_RIVAL])
            raise BadRequest(f"offers: {parts[0][:40]!r} is none of the item's; there are: {known}")
    return names


def _best_rival(offers: Mapping[str, Document]) -> str | None:
    own = offers.get(OWN)
    seen = {
        name: Seen(Offer(*(one[field] for field in Offer._fields)), one["changed_at"])
        for name, one in offers.items()
    }
    rival = standing(seen, Holder(), None if own is None else own["seller"]).rival
    return None if rival is None else rival.offer


async def _live(context: Context, item_id: str) -> Live:
    """The item's offers by its worker; a worker that is late or gone is named, not waited for."""
    state = context.live.item(item_id)
    if state is not None:
        failing = [name for name in context.live.failing() if name != MONGODB]
        if not failing:
            return Live(live_offers(state))
        return Live({}, f"this worker is not ready ({', '.join(failing)})")
    workers = context.workers
    owner = None if workers is None else workers.owner(item_id)
    if workers is None or owner is None:
        return Live({}, "no worker has the item's partition")
    if owner == workers.own_url:
        return Live({}, "its worker has not observed it")
    try:
        answer = await workers.ask(owner, f"/api/items/{item_id}")
    except Silent as exc:
        return Live({}, str(exc))
    offers = answer.get("offers")
    return Live(offers if isinstance(offers, dict) else {})


def _made(
    stock: Stock,
    found: Stored,
    live: Live,
    chosen: Sequence[str],
    holder: str | None,
    begin: int,
    end: int,
    asked: SeriesQuery,
) -> dict[str, Any]:
    """Sums over up to hundreds of thousands of documents: beside the event loop."""
    pasts = found.pasts(stock.seal)
    known_ms = stock.rules.known_ms
    seen = {}
    for name, past in pasts.items():
        newest = _newest(live.offers.get(name))
        if newest is not None and (not past.steps or newest[0].at > past.steps[-1].at):
            # What is stored is a moment behind.
            past.steps.append(newest[0])
        sight = None if newest is None else Sight(newest[1], known_ms)
        seen[name] = seen_spans(past.steps, past.windows, known_ms, sight)
    series = []
    for name in chosen:
        past = pasts[name]
        whole = segments(past.steps, seen[name], begin, end, asked.price)
        series.append(_offer(name, past, whole, begin, end, asked.points))
    return {"offers": series, "buy_box": _box(holder, pasts, seen, begin, end, asked.points)}


def _seen_at(live: Live) -> str | None:
    """The newest time at which one of the offers was seen, by the item's worker."""
    known = [found[1] for offer in live.offers.values() if (found := _newest(offer)) is not None]
    return to_iso(max(known)) if known else None


def _newest(offer: Any) -> tuple[Step, int] | None:
    """A live offer as of its last change, and when it was last seen (epoch ms)."""
    try:
        amounts = offer["price_cents"], offer["shipping_cents"]
        seller = offer["seller"]
        if not all(one is None or isinstance(one, int) for one in amounts):
            return None
        step = Step(
            parse_iso(offer["changed_at"]),
            *amounts,
            offer["available"] is True,
            seller if isinstance(seller, str) else None,
        )
        return step, parse_iso(offer["observed_at"])
    except (KeyError, TypeError, ValueError):
        return None


def _offer(
    name: str, past: Past, whole: list[Segment], begin: int, end: int, points: int
) -> dict[str, Any]:
    thinned = thin(whole, points)
    prices = [one.cents for one in whole if one.kind == "price" and one.cents is not None]
    last = whole[-1]
    return {
        "offer": name,
        "seller": past.steps[-1].seller if past.steps else None,
        "segments": [list(one) for one in thinned],
        "thinned": len(thinned) < len(whole),
        "low_cents": min(prices, default=None),
        "high_cents": max(prices, default=None),
        "last_kind": last.kind,
        "last_cents": last.cents,
        "changes": sum(begin <= step.at < end for step in past.steps),
        "known_share": sum(one.end - one.begin for one in whole if one.kind != "unknown")
        / (end - begin),
    }


def _box(
    holder: str | None,
    pasts: Mapping[str, Past],
    seen: Mapping[str, list[Span]],
    begin: int,
    end: int,
    points: int,
) -> dict[str, Any] | None:
    if holder is None:
        return None
    past = pasts[holder]
    held: list[Held]
    if holder == OWN:
        held = ribbon(past.words, seen[holder], begin, end)
    else:
        held = featured_ribbon(past.steps, seen[holder], begin, end)
    own, known = shares(held)
    return {
        "of": holder,
        "segments": [list(one) for one in thin_ribbon(held, points)],
        "own_share": own / known if known and holder == OWN else None,
        "known_share": known / (end - begin),
        "unreadable": past.unreadable,
    }
