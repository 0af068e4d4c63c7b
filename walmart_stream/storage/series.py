"""The stored past of an item, as the domain's series are made of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bson import decode_all
from bson.codec_options import CodecOptions
from pymongo import ASCENDING, DESCENDING

from walmart_stream.domain.offers import OWN
from walmart_stream.domain.series.ribbon import Word
from walmart_stream.domain.series.seen import ClosedWindow, Step
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.documents import OFFERS, PRICE_CHANGES, PRICE_WINDOWS
from walmart_stream.storage.queries import MAX_TIME_MS
from walmart_stream.storage.sealed import UNREADABLE, FieldSeal

Document = Mapping[str, Any]

# Documents of one kind that a series is made of: a year of hourly windows of five offers is a
# fifth of it. Each takes some hundred bytes and 3 µs.
MOST_DOCUMENTS = 200_000

# Documents that are decoded at a time, in a thread: some 10 ms, for which the event loop may wait.
BATCH = 4_000

_STEP = {
    "_id": 1,
    "offer": 1,
    "seller": 1,
    "price_cents": 1,
    "shipping_cents": 1,
    "available": 1,
    "observed_at": 1,
    "buy_box": 1,
}
_WINDOW = {
    "_id": 0,
    "offer": 1,
    "start": 1,
    "end": 1,
    "observations": 1,
    "coverage": 1,
    "seen_at": 1,
    "known_for_s": 1,
}


class TooLong(Exception):
    """More is stored of the span than a series is made of; the message says how to ask for less."""


@dataclass(slots=True)
class Past:
    """One offer's changes and closed windows, in order of time; of own also the box's words."""

    steps: list[Step] = field(default_factory=list)
    windows: list[ClosedWindow] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    unreadable: str | None = None


async def offers_of(database: Any, item_id: str) -> list[Document]:
    """The item's current offers by name; none: nothing is stored of it."""
    cursor = database[OFFERS].find(
        {"item_id": item_id}, sort=[("offer", ASCENDING)], max_time_ms=MAX_TIME_MS
    )
    found: list[Document] = await cursor.to_list(None)
    return found


async def first_change_at(database: Any, item_id: str) -> datetime | None:
    """The time of the item's first stored change."""
    found = await database[PRICE_CHANGES].find_one(
        {"item_id": item_id},
        {"observed_at": 1},
        sort=[("observed_at", ASCENDING)],
        max_time_ms=MAX_TIME_MS,
    )
    return None if found is None else found["observed_at"]


@dataclass(frozen=True, slots=True)
class Stored:
    """Documents of some offers of an item over a span, and their last changes before it.

    Their times are UTC without a zone: making zones is most of the work of decoding them.
    """

    names: tuple[str, ...]
    changes: list[Document]
    windows: list[Document]

    def pasts(self, seal: FieldSeal) -> dict[str, Past]:
        """Name -> past of each offer. It takes its time: see :data:`MOST_DOCUMENTS`."""
        found = {name: Past() for name in self.names}
        for change in self.changes:
            _add_change(found[change["offer"]], seal, change)
        for window in self.windows:
            found[window["offer"]].windows.append(_window(window))
        return found


async def stored(
    database: Any, offers: Sequence[Document], since: datetime, until: datetime, rules: Rules
) -> Stored:
    """The documents of [*since*, *until*) of *offers*, current documents of one item.

    And of before as much as still counts at *since*: the last change, and the windows in which an
    observation that is still known then may have been.

    Raises:
        TooLong: it is more than a series is made of.
        PyMongoError: the database cannot be asked.
    """
    names = tuple(offer["offer"] for offer in offers)
    if not offers:
        return Stored((), [], [])
    among = {"item_id": offers[0]["item_id"], "offer": {"$in": names}}
    margin = timedelta(milliseconds=rules.known_ms + rules.window_ms)
    changes, windows, before = await asyncio.gather(
        _documents(database[PRICE_CHANGES], among, "observed_at", since, until, _STEP),
        _documents(
            database[PRICE_WINDOWS], among, "start", _earlier(since, margin), until, _WINDOW
        ),
        asyncio.gather(*(_last_before(database, offer, since) for offer in offers)),
    )
    return Stored(names, [one for one in before if one is not None] + changes, windows)


def _earlier(at: datetime, margin: timedelta) -> datetime:
    try:
        return at - margin
    except OverflowError:
        return at


async def _last_before(database: Any, offer: Document, since: datetime) -> Document | None:
    """The offer's last change before *since*: its current document, if that is as old."""
    if offer["changed_at"] < since:
        return {**offer, "observed_at": offer["changed_at"].replace(tzinfo=None)}
    collection = database[PRICE_CHANGES]
    found: Document | None = await collection.with_options(_plain(collection)).find_one(
        {
            "item_id": offer["item_id"],
            "offer": offer["offer"],
            "observed_at": {"$lt": since},
        },
        _STEP,
        sort=[("observed_at", DESCENDING)],
        max_time_ms=MAX_TIME_MS,
    )
    return found


async def _documents(
    collection: Any,
    among: Document,
    time: str,
    since: datetime,
    until: datetime,
    projection: Mapping[str, int],
) -> list[Document]:
    # Decoded all at once, and not one by one: of 10,000 documents that is half the time.
    cursor = collection.find_raw_batches(
        {**among, time: {"$gte": since, "$lt": until}},
        projection,
        sort=[(time, ASCENDING), ("offer", ASCENDING)],
        max_time_ms=MAX_TIME_MS,
    )
    options = _plain(collection)
    # The database makes the next batch while one is decoded.
    decoding = [
        asyncio.ensure_future(asyncio.to_thread(_decoded, batch, options))
        async for batch in cursor.limit(MOST_DOCUMENTS + 1).batch_size(BATCH)
    ]
    found = [one for batch in await asyncio.gather(*decoding) for one in batch]
    if len(found) > MOST_DOCUMENTS:
        raise TooLong(
            f"from, to: more than {MOST_DOCUMENTS:,} documents lie between them; ask for a shorter "
            "span or for fewer offers"
        )
    return found


def _plain(collection: Any) -> CodecOptions[Any]:
    """The collection's options, but for times, which have no zone."""
    options: CodecOptions[Any] = collection.codec_options
    return options.with_options(tz_aware=False, tzinfo=None)


def _decoded(batch: bytes, options: CodecOptions[Any]) -> list[Document]:
    found: list[Document] = decode_all(batch, options)
    return found


def _add_change(known: Past, seal: FieldSeal, change: Document) -> None:
    at = _ms(change["observed_at"])
    known.steps.append(
        Step(
            at,
            change["price_cents"],
            change["shipping_cents"],
            change["available"],
            change["seller"],
        )
    )
    if "buy_box" not in change or change["offer"] != OWN:
        return
    # The current document has the name of another collection, and is sealed for that.
    collection = OFFERS if "changed_at" in change else PRICE_CHANGES
    opened = seal.open(collection, change)
    box = opened.get("buy_box")
    if box is not None:
        # A sealed time, and one of a current document, has its zone.
        since = _ms(box["since"].replace(tzinfo=None))
        known.words.append(Word(at, box["holder"], box["seller"], box["suppressed"], since))
    elif UNREADABLE in opened:
        known.unreadable = opened[UNREADABLE]["buy_box"]


def _window(window: Document) -> ClosedWindow:
    seen_at, known_for_s = window.get("seen_at"), window.get("known_for_s")
    return ClosedWindow(
        _ms(window["start"]),
        _ms(window["end"]),
        window["observations"],
        window["coverage"],
        None if seen_at is None else _ms(seen_at),
        None if known_for_s is None else round(known_for_s * 1000),
    )


_EPOCH = datetime(1970, 1, 1)
_MS = timedelta(milliseconds=1)


def _ms(at: datetime) -> int:
    """Epoch milliseconds of a stored time, which is UTC and has no zone."""
    return (at - _EPOCH) // _MS
