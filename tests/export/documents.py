"""Something of every kind to export, with everything that a field can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.audit.course import stored_form
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source, WindowClosed
from walmart_stream.domain.offers import OWN, UNAVAILABLE, Offer
from walmart_stream.domain.time import to_datetime
from walmart_stream.storage.documents import change_document, offer_document, window_document
from walmart_stream.storage.writes import Results

START = 1_800_000_000_000
HOUR = 3_600_000
RAW = "walmart-competitor-data"
# Everything that disturbs a line of text, and a formula.
TRICKY = 'Müller; & "Söhne",\r\n=1+1\t@x\x1b[2J\u2028😀'

_BOX = BuyBox("rival", TRICKY, True, START, START, HOUR, HOUR, START)
_TOY = Offer(1_999, 0, 499, True, TRICKY)
_UNKNOWN_SHIPPING = Offer(1_799, None, None, True, None)

# Item 42 has an own offer with a buy box, 7 was seen once.
CHANGES = [
    PriceChange("42", "featured", TRICKY, ("first_seen",), _TOY, None, START, Source(RAW, 3, 10)),
    PriceChange(
        *("42", "featured", "a toy", ("price", "shipping", "seller"), _UNKNOWN_SHIPPING, _TOY),
        *(START + 1, Source(RAW, 3, 12)),
    ),
    PriceChange(
        *("42", "featured", "a toy", ("availability",), UNAVAILABLE, _UNKNOWN_SHIPPING),
        *(START + HOUR, Source(RAW, 3, 11)),
    ),
    PriceChange("42", OWN, "a toy", (), _TOY, _TOY, START, Source(RAW, 3, 13), _BOX),
    PriceChange("7", "featured", None, ("first_seen",), _TOY, None, START, Source(RAW, 0, 5)),
]
_NOTHING = (None, None, None, None, None)
WINDOWS = [
    WindowClosed(
        *("42", "featured", START, START + HOUR, 2, 1, 1_999, 1_999, 1_999, 1_999, 1_999.5, 0.25),
        known_ms=3 * HOUR,
        carried=True,
        seen_at=START + 1,
        since=START,
    ),
    WindowClosed(
        *("42", "featured", START + HOUR, START + 2 * HOUR, 0, 0, *_NOTHING, 0.0),
        known_ms=3 * HOUR,
        carried=False,
        seen_at=START + 1,
    ),
    # Two widths, one start.
    WindowClosed(
        *("42", "featured", START + HOUR, START + HOUR + 60_000, 0, 0, *_NOTHING, 0.0),
        known_ms=3 * HOUR,
        carried=False,
        seen_at=START + 1,
    ),
]


_RAISED = {
    "_id": f"cheap:42:featured:{START}",
    "rule": "cheap",
    "item_id": "42",
    "offer": "featured",
    "name": TRICKY,
    "severity": "warning",
    "text": TRICKY,
    "state": "open",
    "started_at": to_datetime(START),
    "raised_at": to_datetime(START + 1),
    "acknowledged_at": None,
    "closed_at": None,
    "channels": ["ops", "mail"],
    "source": {"topic": "walmart-data-processing", "partition": 1, "offset": 3},
}
_ENDED = {
    **_RAISED,
    "_id": f"seen:42:own:{START}",
    "source": None,
    "channels": [],
    "tags": ["toys", "red"],
    "state": "closed",
    "acknowledged_at": to_datetime(START + 2),
    "closed_at": to_datetime(START + 3),
    "ended_by": {"topic": "walmart-data-processing", "partition": 1, "offset": 4},
    "why": "ended",
}


def results() -> Results:
    """All of it, to be stored."""
    found = Results()
    for change in CHANGES:
        found.add_change(change.document())
    for window in WINDOWS:
        found.add_window(window.document())
    return found


def documents(what: str) -> list[Mapping[str, Any]]:
    """The documents of one kind, as the database holds them; and an older release's window."""
    return [stored_form(one) for one in _documents(what)]


def _documents(what: str) -> list[dict[str, Any]]:
    if what == "changes":
        return [change_document(change.document()) for change in CHANGES]
    if what == "offers":
        return [offer_document(change.document()) for change in (CHANGES[2], *CHANGES[3:])]
    if what == "alerts":
        return [_RAISED, _ENDED]
    old = window_document(WINDOWS[0].document())
    for field in ("width_s", "known_for_s", "carried", "seen_at", "since"):
        del old[field]
    return [*(window_document(window.document()) for window in WINDOWS), old]


def many(items: int, changes: int) -> list[dict[str, Any]]:
    """Changes of that many items, that many each."""
    return [
        change_document(
            PriceChange(
                *(str(item), "featured", None, ("price",), _TOY, _UNKNOWN_SHIPPING),
                *(START + number, Source(RAW, 0, number)),
            ).document()
        )
        for item in range(1, items + 1)
        for number in range(changes)
    ]


AT = to_datetime(START)
