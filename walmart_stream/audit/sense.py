"""Rules that every stored document keeps: they judge where the log cannot.

Written from the contract. Fields that are not there (sealed ones that cannot be opened, say) are
passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from walmart_stream.domain.offers import RIVAL
from walmart_stream.domain.time import to_ms

Document = Mapping[str, Any]

# What a price change says of the offer then, and the next change says in `previous`.
STATE = ("price_cents", "shipping_cents", "landed_cents", "available", "seller")
_KINDS = {
    "price": "price_cents",
    "shipping": "shipping_cents",
    "availability": "available",
    "seller": "seller",
}


def change_faults(change: Document, before: Document | None) -> set[str]:
    """The fields of a stored *change* that cannot be right.

    *before* is the stored change of the same offer before it, ``None`` if there is none.
    """
    faults = _price_faults(change)
    name = f"{change.get('item_id')}:{change.get('offer')}:{_ms(change.get('observed_at'))}"
    if change.get("_id") != name:
        faults.add("_id")
    kinds, previous = change.get("kinds"), change.get("previous")
    if not isinstance(kinds, list):
        return faults | {"kinds"}
    if (kinds == ["first_seen"]) != (previous is None):
        faults.add("kinds")
    elif isinstance(previous, dict):
        differing = {
            kind
            for kind, field in _KINDS.items()
            if field in change and field in previous and change[field] != previous[field]
        }
        if set(kinds) != differing:
            faults.add("kinds")
        if change.get("delta_cents") != _delta(change, previous):
            faults.add("delta_cents")
    if before is not None:
        was = {field: before[field] for field in STATE if field in before}
        if isinstance(previous, dict):
            if any(previous.get(field, value) != value for field, value in was.items()):
                faults.add("previous")
        elif not str(change.get("offer")).startswith(RIVAL):
            # Rivals may have been forgotten in between, other offers are not.
            faults.add("kinds")
    return faults


def offer_faults(offer: Document, last: Document | None) -> set[str]:
    """The fields of a stored *offer* that cannot be right; *last* is its last stored change."""
    faults = _price_faults(offer)
    if offer.get("_id") != f"{offer.get('item_id')}:{offer.get('offer')}":
        faults.add("_id")
    if last is not None:
        faults |= {
            field
            for field in STATE
            if field in offer and field in last and offer[field] != last[field]
        }
        if offer.get("changed_at") != last.get("observed_at"):
            faults.add("changed_at")
    return faults


def window_faults(window: Document) -> set[str]:
    """The fields of a stored *window* that cannot be right."""
    faults = set()
    low, high, mean = window.get("low"), window.get("high"), window.get("mean")
    coverage, count = window.get("coverage"), window.get("observations")
    if not isinstance(coverage, float) or not 0 <= coverage <= 1:
        faults.add("coverage")
    if not isinstance(count, int) or count < 0:
        faults.add("observations")
    elif not isinstance(window.get("changes"), int) or not 0 <= window["changes"] <= count:
        faults.add("changes")
    if low is not None and high is not None:
        for field in ("open", "close"):
            if window.get(field) is None or not low <= window[field] <= high:
                faults.add(field)
        # In windows of the first release, a price carried in counts for the mean only.
        if mean is not None and window.get("width_s") is not None and not low <= mean <= high:
            faults.add("mean")
    start, end, width = window.get("start"), window.get("end"), window.get("width_s")
    if start is None or end is None or end <= start:
        faults.add("end")
    elif width is not None and (
        (end - start).total_seconds() != width or (_ms(start) or 0) % (width * 1000)
    ):
        faults.add("width_s")
    return faults


def _price_faults(document: Document) -> set[str]:
    names = ("price_cents", "shipping_cents", "landed_cents", "available")
    if any(name not in document for name in names):
        return set()
    price, shipping, landed, available = (document[name] for name in names)
    faults = set()
    if landed != (None if price is None or shipping is None else price + shipping):
        faults.add("landed_cents")
    if available is not (price is not None):
        faults.add("available")
    return faults


def _delta(change: Document, previous: Document) -> int | None:
    for field in ("landed_cents", "price_cents"):
        now, then = change.get(field), previous.get(field)
        if now is not None and then is not None:
            return int(now - then)
    return None


def _ms(moment: Any) -> int | None:
    try:
        return to_ms(moment)
    except (AttributeError, TypeError, ValueError):
        return None
