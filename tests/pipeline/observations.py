"""Hand-made observations and what they must come to, by rules written down a second time.

Nothing of the domain is used here, so that it cannot be wrong in the same way.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.pipeline.pipeline import Record

# Long past, so that the clock has passed the end of every window.
START = datetime(2026, 1, 1, tzinfo=UTC)
WINDOW_MS = 5000
KNOWN_MS = 12_000
# The settings that go with these.
WINDOWS = {"WINDOW_SIZE": str(WINDOW_MS // 1000), "PRICE_KNOWN_FOR": str(KNOWN_MS / 1000)}

Offer = dict[str, Any]
UNAVAILABLE: Offer = {
    "price_cents": None,
    "shipping_cents": None,
    "two_day_cents": None,
    "available": False,
    "seller": None,
}


# What stands for a rate of shipping and cannot be one.
ODD: list[Any] = ["soon", -0.01, [1.5], {"rate": 5}]


def iso(at: int) -> str:
    """*at*: milliseconds after START."""
    return (START + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")


def epoch_ms(at: int) -> int:
    """*at*: milliseconds after START."""
    return int(START.timestamp() * 1000) + at


def envelope(item_id: str, at: int, payload: Any = None, /, **fields: Any) -> dict[str, Any]:
    """An observation *at* milliseconds after START; further *fields* replace its own."""
    return {
        "schema": 1,
        "source": "affiliate",
        "item_id": item_id,
        "observed_at": iso(at),
        "request_id": f"request-{item_id}-{at}",
        "payload": {"itemId": int(item_id), "salePrice": 10.0} if payload is None else payload,
        **fields,
    }


def record(item_id: str, at: int, payload: Any = None, /, **fields: Any) -> Record:
    """:func:`envelope` as a record of the raw topic."""
    value = json.dumps(envelope(item_id, at, payload, **fields)).encode()
    return Record(item_id.encode(), value)


def priced(item_id: str, at: int, dollars: float, shipping: float = 0) -> Record:
    """An observation of the featured offer alone."""
    payload = {"itemId": int(item_id), "salePrice": dollars, "standardShipRate": shipping}
    return record(item_id, at, payload)


@dataclass
class Item:
    """An item as this file knows it."""

    item_id: str
    name: str
    at: int
    offers: dict[str, Offer] = field(default_factory=dict)
    changed: dict[str, datetime] = field(default_factory=dict)
    last: bytes = b""
    odd: int = 0


class Seen(NamedTuple):
    """An offer at a time (epoch ms): its landed price, and whether it had changed."""

    at: int
    landed: int | None
    is_change: bool


@dataclass
class Due:
    """The results due; documents by ``_id``, of windows without mean, coverage.

    ``odd`` fields cannot be read and are unknown.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    odd: int = 0
    changes: dict[str, set[str]] = field(default_factory=dict)
    offers: dict[str, Offer] = field(default_factory=dict)
    seen: dict[str, list[Seen]] = field(default_factory=dict)

    @property
    def windows(self) -> dict[str, dict[str, Any]]:
        """Those with observations, and those in which a price is known that was seen before."""
        windows = {}
        for offer, history in self.seen.items():
            first, last = history[0].at, history[-1].at
            for start in range(first - first % WINDOW_MS, last + KNOWN_MS, WINDOW_MS):
                window = _window(history, start)
                if window is not None:
                    windows[f"{offer}:{start}:{WINDOW_MS // 1000}"] = window
        return windows


class Market:
    """Makes valid, late and repeated observations of *items* items, and notes what is due."""

    def __init__(self, rng: random.Random, items: int) -> None:
        self._rng = rng
        self.due = Due()
        self._items = [
            Item(str(1_000_000 + 7 * number), f"Tea &amp; Kettle {number}", rng.randrange(60_000))
            for number in range(items)
        ]

    def item(self) -> Item:
        """One of the items; some come much more often than others."""
        return self._items[int(len(self._items) * self._rng.random() ** 2)]

    def valid(self) -> Record:
        """An observation that is newer than all of its item before."""
        rng, item = self._rng, self.item()
        item.at += rng.randint(1, 4000)
        odd = self.due.odd
        payload: dict[str, Any] = {
            "itemId": rng.choice([int(item.item_id), item.item_id]),
            "name": item.name,
            "extra": {"unknown": [None, {"nested": "☃"}]},
        }
        if rng.random() < 0.002:
            payload["longDescription"] = "x" * 900_000
        seen: dict[str, Offer | None] = {"featured": self._offer(payload, "salePrice")}
        seen["marketplace"] = None
        if rng.random() < 0.6:
            best: dict[str, Any] = {}
            seen["marketplace"] = self._offer(best, "price")
            payload["bestMarketplacePrice"] = best
        if seen["featured"]["available"] and seen["featured"]["seller"] is None:
            seen["featured"]["seller"] = "Walmart.com"
        made = record(item.item_id, item.at, payload)
        assert made.value is not None
        item.last, item.odd = made.value, self.due.odd - odd
        self._note(item, seen)
        return made

    def late(self) -> Record:
        """An observation that is older than the item's newest one."""
        item = self._observed()
        if item is None:
            return self.valid()
        self.due.outcomes["late"] += 1
        return priced(item.item_id, item.at - self._rng.randint(1, 100_000), 0.01)

    def duplicate(self) -> Record:
        """The item's newest observation once more, or another one of the same time."""
        item = self._observed()
        if item is None:
            return self.valid()
        self.due.outcomes["duplicate"] += 1
        if self._rng.random() < 0.7:
            self.due.odd += item.odd
            return Record(item.item_id.encode(), item.last)
        return priced(item.item_id, item.at, 0.02)

    def _observed(self) -> Item | None:
        item = self.item()
        return item if item.last else None

    def _offer(self, fields: dict[str, Any], price_field: str) -> Offer:
        """Write an offer into *fields* as Walmart might; what it means."""
        rng = self._rng
        price = rng.choice([None, *range(1000, 1900, 100), 1234, 5678, 99_999])
        shipping = rng.choice([None, 0, 0, 599, 700])
        two_day = rng.choice([None, 1299])
        seller = rng.choice([None, "Tom &amp; Co", "Acme"])
        online = rng.choice([None, True, True, "true", False] if rng.random() < 0.2 else [True])
        for name, amount in (
            (price_field, price),
            ("standardShipRate", shipping),
            ("twoThreeDayShippingRate", two_day),
        ):
            if amount is not None:
                fields[name] = self._number(amount)
            elif name != price_field and rng.random() < 0.1:
                fields[name] = rng.choice(["", "n/a", *ODD])
                self.due.odd += fields[name] in ODD
        if seller is not None:
            fields["sellerInfo"] = seller
        if online is not None:
            fields["availableOnline"] = online
        if price is None or online is False:
            return dict(UNAVAILABLE)
        return {
            "price_cents": price,
            "shipping_cents": shipping,
            "two_day_cents": two_day,
            "available": True,
            "seller": None if seller is None else seller.replace("&amp;", "&"),
        }

    def _number(self, cents: int) -> int | float | str:
        forms: list[int | float | str] = [
            cents / 100,
            f"{cents / 100:.2f}",
            f" {cents / 100:.3f} ",
            f"{cents}e-2",
        ]
        if cents % 100 == 0:
            forms.append(cents // 100)
        if cents % 2 == 0:
            forms.append(float(f"{cents // 100}.{cents % 100:02}5"))  # half a cent, to even
        return self._rng.choice(forms)

    def _note(self, item: Item, seen: dict[str, Offer | None]) -> None:
        due, at = self.due, epoch_ms(item.at)
        due.outcomes["applied"] += 1
        for name, said in seen.items():
            before = item.offers.get(name)
            if said is None and before is None:
                continue
            now = dict(UNAVAILABLE) if said is None else said
            item.offers[name] = now
            kinds = {"first_seen"} if before is None else _kinds(before, now)
            if kinds:
                due.changes[f"{item.item_id}:{name}:{at}"] = kinds
                item.changed[name] = START + timedelta(milliseconds=item.at)
            due.offers[f"{item.item_id}:{name}"] = {
                **now,
                "name": item.name.replace("&amp;", "&"),
                "changed_at": item.changed[name],
            }
            landed = None
            if now["price_cents"] is not None and now["shipping_cents"] is not None:
                landed = now["price_cents"] + now["shipping_cents"]
            seen_of = due.seen.setdefault(f"{item.item_id}:{name}", [])
            seen_of.append(Seen(at, landed, bool(kinds) and before is not None))


def _window(history: list[Seen], start: int) -> dict[str, Any] | None:
    """The window from *start* of an offer that was seen so, if it is to be stored."""
    inside = [seen for seen in history if start <= seen.at < start + WINDOW_MS]
    prices = [seen.landed for seen in inside if seen.landed is not None]
    before = [seen for seen in history if seen.at < start]
    carried = bool(
        before
        and before[-1].landed is not None
        and start < before[-1].at + KNOWN_MS
        and (not inside or inside[0].at > start)
    )
    if carried:
        prices.insert(0, before[-1].landed or 0)
    if not inside and not carried:
        return None
    return {
        "observations": len(inside),
        "changes": sum(seen.is_change for seen in inside),
        "open": prices[0] if prices else None,
        "high": max(prices, default=None),
        "low": min(prices, default=None),
        "close": prices[-1] if prices else None,
        "carried": carried,
        "width_s": WINDOW_MS // 1000,
    }


def _kinds(before: Offer, now: Offer) -> set[str]:
    fields = {
        "price": "price_cents",
        "shipping": "shipping_cents",
        "availability": "available",
        "seller": "seller",
    }
    return {kind for kind, name in fields.items() if before[name] != now[name]}


def bad_records(rng: random.Random) -> Iterable[tuple[str, Record]]:
    """One record of every kind of fault that there is, with the class that names it."""
    item_id = str(1_000_000 + 7 * rng.randrange(400))
    key, at = item_id.encode(), rng.randrange(10_000_000)
    good = json.dumps(envelope(item_id, at)).encode()

    def of(fault: str, **fields: Any) -> tuple[str, Record]:
        return fault, record(item_id, at, **fields)

    def payload(fault: str, **fields: Any) -> tuple[str, Record]:
        return fault, record(item_id, at, {"itemId": int(item_id), "salePrice": 1, **fields})

    def text(fault: str, value: bytes | None, key: bytes | None = key) -> tuple[str, Record]:
        # Without a key, a producer takes any partition.
        return fault, Record(key, value, rng.randrange(4) if key is None else None)

    yield text("EmptyValue", None)
    yield text("EmptyValue", b"")
    yield text("EmptyValue", b"", None)
    yield text("KeyFault", good, None)
    yield text("KeyFault", good, b"")
    yield text("KeyFault", good, b"31337")
    yield text("KeyFault", good, b"\xff\xfe not text")
    yield text("KeyFault", good, key + b" ")
    yield text("MalformedJson", good[:-1])
    yield text("MalformedJson", good + b"}")
    yield text("MalformedJson", b"\xff\xfe\x00")
    yield text("MalformedJson", good.replace(b'"schema": 1', b'"schema": NaN'))
    yield text("MalformedJson", b"[" * 5000, None)
    for other in (b"null", b"17", b'"text"', b"[]", b"{}", b"true"):
        yield text("WrongShape", other)
    for schema in (2, "1", True, None, 1.0):
        yield of("WrongShape", schema=schema)
    for bad_id in (int(item_id), None, "", "abc", "0" + item_id, item_id + "0", "9" * 21):
        yield of("WrongShape", item_id=bad_id, payload={"itemId": item_id})
    for source in ("amazon", None, 5, ["affiliate"], "AFFILIATE"):
        yield of("WrongShape", source=source)
    for source in ("seller", "webhook"):
        yield of("UnsupportedSource", source=source)
    for moment in (None, 1767225600, [], True):
        yield of("WrongShape", observed_at=moment)
    for moment in ("", "yesterday", "2026-01-01T00:00:00", "1969-12-31T23:59:59Z"):
        yield of("BadTime", observed_at=moment)
    for moment in ("2026-13-01T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"):
        yield of("BadTime", observed_at=moment)
    for request_id in (5, [], {}):
        yield of("WrongShape", request_id=request_id)
    for item in (None, [], "item", 5):
        yield (
            "WrongShape",
            Record(key, json.dumps({**envelope(item_id, at), "payload": item}).encode()),
        )
    for other_id in (None, 1, "1", 1.5, [item_id]):
        yield payload("WrongShape", itemId=other_id)
    for amount in (-1, -0.01, 1e12, "1,2,3", "gratis", "", "NaN", "1_0", "\uff11", 10**18):
        yield payload("BadNumber", salePrice=amount)
    for amount in (True, [], {}, [1.5]):
        yield payload("WrongShape", salePrice=amount, standardShipRate=amount, name=5)


def garbage(rng: random.Random) -> Iterable[tuple[str, Record]]:
    """Records of about a million bytes that are nothing."""
    size = 1_000_000
    for fault, value in (
        ("MalformedJson", rng.randbytes(size)),
        ("MalformedJson", b"\x00" * size),
        ("MalformedJson", b"[" * size),
        ("MalformedJson", b'{"schema":1,"source":"' + b"x" * size),
        ("WrongShape", b'"' + b"x" * size + b'"'),
        ("MalformedJson", b"[" + b"0," * (size // 2) + b"0]"),  # more values than are read
    ):
        yield fault, Record(str(rng.randrange(10**6)).encode(), value)
