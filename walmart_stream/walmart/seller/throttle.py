"""Reads the seller side's limits from the headers of an answer. Pure.

``x-current-token-count`` is how many calls its bucket for this endpoint still holds,
``x-next-replenish-time`` (also written ``X-Next-Replenishment-Time``) when the next one comes: in
epoch milliseconds or seconds, as ISO 8601 or as an HTTP date.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from walmart_stream.walmart.error_response import LONGEST_RETRY_AFTER

LEFT = "x-current-token-count"
TIMES = ("x-next-replenish-time", "x-next-replenishment-time")

# A moment further back is no answer to our question: another clock, or another unit.
STALE = 60.0

_NUMBER = re.compile(r"[0-9]{1,17}(\.[0-9]{1,9})?")


class Advice(NamedTuple):
    """``left`` calls may follow, the next one comes in ``wait`` seconds; ``None`` is unknown."""

    left: int | None = None
    wait: float | None = None


def read_advice(headers: Mapping[str, str], now: float) -> Advice:
    """The advice in *headers* at *now*, epoch seconds by Walmart's clock. Never raises.

    No wait is longer than an hour, which is the longest period of any limit.
    """
    values = {name.lower().replace("_", "-"): value.strip() for name, value in headers.items()}
    # Cut off, since nobody may make half a call.
    left = re.match(r"-?[0-9]{1,9}(?=$|\.[0-9]+$)", values.get(LEFT, ""))
    moments = (_moment(values.get(name, ""), now) for name in TIMES)
    waits = (at - now for at in moments if at is not None and at >= now - STALE)
    wait = next(waits, None)
    return Advice(
        None if left is None else max(0, int(left[0])),
        None if wait is None else min(max(0.0, wait), LONGEST_RETRY_AFTER),
    )


def _moment(text: str, now: float) -> float | None:
    """Epoch seconds; the size of a number shows its unit."""
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number >= 1e14:
            return number / 1e6
        if number >= 1e11:
            return number / 1e3
        # What is too small for a time of this century is a wait.
        return number if number >= 1e8 else now + number
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = parsedate_to_datetime(text)
        except (TypeError, ValueError):
            return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
