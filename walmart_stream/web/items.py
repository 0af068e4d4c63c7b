"""An item as its worker knows it now, and what is stored of its offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from walmart_stream.domain.offers import OWN
from walmart_stream.domain.standing import Standing
from walmart_stream.domain.state import ItemState, OfferState
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.documents import OFFERS
from walmart_stream.storage.item_documents import stored_standing as standing_by
from walmart_stream.storage.sealed import UNREADABLE, FieldSeal
from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotFound, NotReady, json_response
from walmart_stream.web.inputs import item_id_of
from walmart_stream.web.live import MONGODB

_OFFER_FIELDS = (
    "seller",
    "price_cents",
    "shipping_cents",
    "landed_cents",
    "two_day_cents",
    "available",
)
WINDOW_FIELDS = (
    "offer",
    "start",
    "end",
    "observations",
    "changes",
    "open",
    "high",
    "low",
    "close",
    "mean",
    "coverage",
    "width_s",
    "carried",
)


async def item(context: Context, request: web.Request) -> web.StreamResponse:
    """The item's live state and current windows, from this worker's tables.

    :func:`~walmart_stream.web.forward.by_owner` has checked the request and the tables.
    """
    item_id = item_id_of(request)
    state = context.live.item(item_id)
    # Of some items there are only events that say nothing about offers.
    if state is None or not state.offers:
        raise NotFound(f"item {item_id} has not been observed")
    windows = [
        {name: window.get(name) for name in WINDOW_FIELDS}
        for _, offers in sorted(context.live.windows(item_id, state).items())
        for _, window in sorted(offers.items())
    ]
    return json_response(
        {
            "item_id": item_id,
            "name": state.name,
            "observed_at": to_iso(state.observed_at),
            "offers": live_offers(state),
            "standing": _live_standing(context.live.standing(state)),
            "windows": windows,
        }
    )


def require_tables(context: Context) -> None:
    """Raises NotReady while this worker's tables are not what they will be."""
    reasons = {name: reason for name, reason in context.live.failing().items() if name != MONGODB}
    if reasons:
        raise NotReady("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))


def stored_offer(document: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an ``offers`` document that views show."""
    return {name: document[name] for name in (*_OFFER_FIELDS, "changed_at")}


def live_offers(state: ItemState) -> dict[str, dict[str, Any]]:
    """Name -> an offer as it is now."""
    return {name: _live_offer(offer) for name, offer in state.offers.items()}


def _live_offer(offer: OfferState) -> dict[str, Any]:
    fields = {name: getattr(offer.offer, name) for name in _OFFER_FIELDS}
    return {
        **fields,
        "changed_at": to_iso(offer.changed_at),
        "observed_at": to_iso(offer.observed_at),
    }


def _live_standing(known: Standing | None) -> dict[str, Any] | None:
    if known is None:
        return None
    since = known.buy_box.since
    return {
        **_standing(known, None if since is None else to_iso(since)),
        "win_share": known.win_share,
        "win_coverage": known.win_coverage,
    }


def standing_of(offers: Mapping[str, Mapping[str, Any]], seal: FieldSeal) -> dict[str, Any] | None:
    """The standing as far as the documents of an item's offers determine it."""
    if OWN not in offers:
        return None
    own = seal.open(OFFERS, offers[OWN])
    found = standing_by({**offers, OWN: own})
    since = found.buy_box.since
    known = _standing(found, None if since is None else to_iso(to_ms(since)))
    return {**known, UNREADABLE: own[UNREADABLE]} if UNREADABLE in own else known


def _standing(known: Standing, since: str | None) -> dict[str, Any]:
    rival = known.rival
    return {
        "state": known.state,
        "landed_cents": known.landed_cents,
        "rival": None if rival is None else rival._asdict(),
        "gap_cents": known.gap_cents,
        "gap_pct": known.gap_pct,
        "rank": known.rank,
        "ranked": known.ranked,
        "buy_box": {**known.buy_box._asdict(), "since": since},
        "insights": _reason(known.insights),
        "compared": _reason(known.compared),
    }


def _reason(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Reasons for the holder of the box; stored ones have their time as a date."""
    if found is None:
        return None
    since = found["since"]
    return {**found, "since": since if isinstance(since, str) else to_iso(to_ms(since))}
