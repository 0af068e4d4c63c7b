"""Payloads of the source ``poll``: Walmart has left an item out, or refused it, for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from walmart_stream.domain.errors import WrongShape
from walmart_stream.domain.offers import FEATURED, MARKETPLACE, UNAVAILABLE, Offer
from walmart_stream.domain.schedule.poll import INVALID, MISSING
from walmart_stream.domain.time import to_iso

# By the outcome of a poll.
REASONS = {MISSING: "missing", INVALID: "refused"}


def absence_payload(outcome: str, polls: int, since: int) -> bytes:
    """The payload for *polls* polls in a row since *since* (epoch ms) with this *outcome*."""
    return orjson.dumps({"reason": REASONS[outcome], "polls": polls, "since": to_iso(since)})


def absent_offers(payload: Mapping[str, Any]) -> dict[str, Offer | None]:
    """The offers that a payload speaks for: those that an answer would have named, gone.

    Raises:
        WrongShape: it names no reason that is known.
    """
    if payload.get("reason") not in REASONS.values():
        raise WrongShape(f"payload.reason: must be one of {', '.join(REASONS.values())}")
    return {FEATURED: UNAVAILABLE, MARKETPLACE: None}
