"""Logs, and the documents that the pipeline makes of them, for judging without any server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from walmart_stream import topics
from walmart_stream.audit.course import courses, stored_form
from walmart_stream.audit.findings import Findings, Scope
from walmart_stream.audit.item_audit import ItemAudit
from walmart_stream.audit.spool import Spooled
from walmart_stream.domain import events, reading
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.closing import close_windows
from walmart_stream.domain.events import Source, WindowClosed
from walmart_stream.domain.pasts import Horizon
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.placement import partition_of
from walmart_stream.storage.documents import ITEMS, OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.item_documents import facets, merged
from walmart_stream.storage.writes import Results

TOPIC = topics.RAW.name
PARTITIONS = 4
HOUR = 3_600_000
RULES = Rules(window_ms=HOUR, known_ms=3 * HOUR)
START = 1_795_370_400_000
LONG_AFTER = START + 1000 * HOUR

Look = tuple[int, float]
Documents = dict[str, list[dict[str, Any]]]
Record = tuple[int, int, bytes | None, bytes | None]


def home(item_id: str) -> int:
    return partition_of(item_id.encode(), PARTITIONS)


def value(
    item_id: str,
    at: int,
    price: float,
    name: str = "Kettle",
    two_day: int = 9,
    best: int | None = None,
) -> bytes:
    payload: dict[str, Any] = {
        "itemId": int(item_id),
        "name": name,
        "salePrice": price,
        "standardShipRate": 5,
        "twoThreeDayShippingRate": two_day,
    }
    if best is not None:
        payload["bestMarketplacePrice"] = {"price": best, "sellerInfo": "Acme"}
    return reading.encode(
        source="affiliate",
        item_id=item_id,
        observed_at=at,
        request_id="r",
        payload=orjson.dumps(payload),
    )


def observed(*looks: Look, first: int = 0, item_id: str = "1", **fields: Any) -> list[Spooled]:
    """Looks (observed at, price) at one item, from the offset *first* on."""
    key = item_id.encode()
    return [
        Spooled(first + number, at, reading.decode(key, value(item_id, at, price, **fields)))
        for number, (at, price) in enumerate(looks)
    ]


def documents(
    log: Sequence[Spooled], now: int = LONG_AFTER, rules: Rules = RULES, states: Any = None
) -> Documents:
    """The documents stored of one item's *log*; *states* are kept between two calls."""
    states = {} if states is None else states
    item_id = log[0].observation.item_id if log else "1"
    results = Results()
    for one in log:
        source = Source(TOPIC, home(item_id), one.offset)
        outcome = apply(states, [Entry(one.observation, source)], rules)
        states.update(outcome.states)
        _store(results, outcome.events)
    states[item_id], closed = close_windows(item_id, states.get(item_id, ItemState()), now, rules)
    _store(results, closed)
    made = {
        PRICE_CHANGES: sorted(results.changes.values(), key=lambda one: one["observed_at"]),
        OFFERS: results.offers(),
        PRICE_WINDOWS: sorted(results.windows.values(), key=lambda one: one["start"]),
        ITEMS: [],
    }
    if results.latest:
        offers = {one["offer"]: one for one in made[OFFERS]}
        item = merged(None, item_id, offers, made[PRICE_CHANGES])
        made[ITEMS] = [
            {**item, "_id": item_id, "facets": facets((), item.get("state")), "edits": 1}
        ]
    return {name: [stored_form(one) for one in found] for name, found in made.items()}


def _store(results: Results, sent: Sequence[Any]) -> None:
    for event in sent:
        fields = orjson.loads(events.encode(event))
        if isinstance(event, WindowClosed):
            results.add_window(fields)
        elif isinstance(event, events.PriceChange):
            results.add_change(fields)
        else:
            results.add_update(fields)  # type: ignore[attr-defined]


def judge(
    log: Sequence[Spooled],
    stored: Documents,
    *,
    item_id: str = "1",
    now: int = LONG_AFTER,
    lower: int | None = None,
    horizon: Horizon | None = None,
    rules: Rules = RULES,
) -> Findings:
    """The findings of an audit in *stored*; *lower*: see :class:`Scope`."""
    place = TOPIC, home(item_id)
    upper = max((one.offset for one in log), default=-1) + 1
    names = [one["offer"] for one in stored[OFFERS]]
    ways = courses(item_id, log, place, rules, horizon, names)
    scope = Scope(place, rules, now, upper if lower is None else lower, upper, horizon)
    audit = ItemAudit(item_id, ways, scope)
    for change in stored[PRICE_CHANGES]:
        audit.change(change)
    for offer in stored[OFFERS]:
        audit.offer(offer)
    for window in stored[PRICE_WINDOWS]:
        audit.window(window)
    for item in stored[ITEMS]:
        audit.item(item)
    return audit.finish()
