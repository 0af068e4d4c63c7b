"""Alerts near Walmart's reference price, from the raw payloads to the step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from tests.domain.alerts.worked import Worker
from walmart_stream.domain.alerts.rule_fields import read_rule
from walmart_stream.domain.apply import Entry
from walmart_stream.domain.events import Source
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.time import parse_iso

MINUTE = 60_000
BEGIN = 1_700_000_000_000
RULE = read_rule({"name": "near", "all": True, "when": "near_ceiling", "within_pct": 5})


def entry(minute: int, source: str, payload: object) -> Entry:
    value = encode(
        source=source,
        item_id="1",
        observed_at=BEGIN + minute * MINUTE,
        request_id="r",
        payload=orjson.dumps(payload),
    )
    return Entry(decode(b"1", value), Source("raw", 0, minute))


def unpublished(minute: int, reference: float | None, sku: str = "A") -> Entry:
    event: dict[str, Any] = {"itemId": "1", "sku": sku, "publishStatus": "UNPUBLISHED"}
    event |= {"sellerOfferPrice": 130, "sellerShippingPrice": 0}
    if reference is not None:
        event |= {"referencePrice": reference, "referencePriceType": "WALMART"}
    return entry(
        minute, "webhook", {"source": {"eventType": "OFFER_UNPUBLISHED"}, "payload": event}
    )


def item(minute: int, price: float, sku: str = "A") -> Entry:
    fields = {"sku": sku, "price": {"amount": price}, "publishedStatus": "PUBLISHED"}
    return entry(minute, "seller", fields)


def said(log: Sequence[Entry], size: int = 100) -> list[str]:
    """The steps of *log* in batches of *size*, with the minute at which their episode began."""
    worker = Worker([RULE])
    waiting = worker.restart()
    for begin in range(0, len(log), size):
        worker.states |= worker.work(log[begin : begin + size], waiting)
    return [
        f"{step.step} {(parse_iso(step.started_at) - BEGIN) // MINUTE}" for step in worker.steps
    ]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_the_reference_price_of_one_time_warns_of_the_next(size: int) -> None:
    """The price is remembered once the offer is published again at another one."""
    log = [
        item(0, 130),
        unpublished(1, 100),
        item(2, 90),
        item(3, 96),
        # Words that name no reference price leave the last one as it is.
        unpublished(4, None),
        item(5, 94.99),
        item(6, 95),
    ]

    assert said(log, size) == ["raised 3", "closed 3", "raised 6"]


def test_another_sku_has_a_reference_price_of_its_own() -> None:
    """The own offer is that of one SKU, and only its reference price counts."""
    log = [unpublished(0, 50, "B"), item(1, 90, "A"), unpublished(2, 92, "A"), item(3, 90, "A")]

    assert said(log) == ["raised 3"]


def test_a_late_reference_price_is_none() -> None:
    """The word that is older than the last one about its SKU is not heard."""
    log = [item(1, 90), item(2, 90), unpublished(0, 80), item(3, 90)]

    assert said(log) == []
