"""Changes of own offers, with something private in them."""

from __future__ import annotations

from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import to_datetime
from walmart_stream.storage.writes import Results

START = 1_800_000_000_000
KEYS = tuple(letter * 43 + "=" for letter in "abc")

# Stands nowhere but in what is private.
HOLDER = "Rival & Daughters"


def own_change(item_id: str, at: int = 0, holder: str = HOLDER) -> PriceChange:
    """The own offer of an item, *at* milliseconds after START; *holder* has the buy box."""
    moment = START + at
    box = BuyBox("rival", holder, True, moment, moment, 60_000, 60_000, START)
    offer = Offer(1999, 0, None, True, "My Shop")
    return PriceChange(
        item_id, "own", "Tea", ("price",), offer, offer, moment, Source("raw", 0, at), box
    )


def results_of(*changes: PriceChange) -> Results:
    results = Results()
    for change in changes:
        results.add_change(change.document())
    return results


def stored_box(at: int = 0, holder: str = HOLDER) -> dict[str, object]:
    """The ``buy_box`` of the documents of :func:`own_change`."""
    since = to_datetime(START + at)
    return {"holder": "rival", "seller": holder, "suppressed": True, "since": since}
