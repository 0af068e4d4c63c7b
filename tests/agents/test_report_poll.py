"""A file of the buy-box report, from its bytes to the offers and changes that come of it."""

from __future__ import annotations

from itertools import permutations
from types import SimpleNamespace
from typing import Any

import pytest

from walmart_stream.agents.report_poll import ReportReader
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.windows import Rules
from walmart_stream.metrics import Metrics

HEADER = "SKU,Item ID,Seller Item Price,Seller Ship Price,isSellerBuyBoxWinner,BuyBox Item Price\n"
RULES = Rules(window_ms=1000, known_ms=3000)


async def read(*files: str) -> Outcome:
    """The outcome of report *files* that Walmart makes one after the other, 100 ms apart."""
    found: list[tuple[str, int, bytes]] = []
    bodies = iter(files)

    def kept(_: Any, source: str, item_id: str, at: int, request_id: str, row: bytes) -> bool:
        found.append((item_id, at, row))
        return True

    add: Any = kept

    async def done(*_: Any, **__: Any) -> None:
        pass

    async def body(*_: Any, **__: Any) -> bytes:
        return next(bodies).encode()

    app: Any = SimpleNamespace(outbox=lambda: SimpleNamespace(flush=done))
    items: Any = SimpleNamespace(progress=lambda _: {"request_id": "r"}, learn=done)
    client: Any = SimpleNamespace(reports=SimpleNamespace(wait=body))
    clock = iter(range(0, 100 * len(files), 100))
    reader = ReportReader(app, items, Metrics(), 1.0, lambda: next(clock), add)
    for _ in files:
        await reader.read(client)
    entries = [
        Entry(
            decode(
                item_id.encode(),
                encode(
                    source="seller", item_id=item_id, observed_at=at, request_id="r", payload=row
                ),
            ),
            Source("raw", 0, number),
        )
        for number, (item_id, at, row) in enumerate(found)
    ]
    return apply({}, entries, RULES)


def own(outcome: Outcome, item_id: str = "7") -> Offer:
    return outcome.states[item_id].offers["own"].offer


def changes(outcome: Outcome) -> list[PriceChange]:
    found = [event for event in outcome.events if isinstance(event, PriceChange)]
    return [change for change in found if change.kinds not in ((), ("first_seen",))]


@pytest.mark.parametrize(
    ("ship", "cents", "odd"),
    [("FREE", 0, 0), ("free shipping", 0, 0), ("", None, 0), ("N/A", None, 0), ("soon", None, 1)],
)
@pytest.mark.parametrize(("winner", "unread"), [("No", 0), ("Not Eligible", 1), ("?", 1), ("", 0)])
async def test_an_odd_cell_is_unknown_and_the_rest_of_the_row_is_taken(
    ship: str, cents: int | None, odd: int, winner: str, unread: int
) -> None:
    """The price of the row is not missed, nor the row below it."""
    outcome = await read(f"{HEADER}A,7,24.97,{ship},{winner},23.49\nB,8,5.00,0,Yes,5.00\n")

    assert own(outcome) == Offer(2497, cents, None, True, None)
    assert own(outcome, "8") == Offer(500, 0, None, True, None)
    assert outcome.odd == odd + unread


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_several_skus_of_an_item_are_one_own_offer_that_does_not_flip(
    order: tuple[int, ...],
) -> None:
    """The cheapest with its shipping, in whatever order the file lists them, report by report."""
    rows = ["A,7,10.00,0,No,3.00\n", "B,7,4.00,5.00,No,3.00\n", "C,7,4.00,7.00,No,3.00\n"]
    file = HEADER + "".join(rows[number] for number in order)

    outcome = await read(file, file, file)

    assert own(outcome) == Offer(400, 500, None, True, None)
    assert all(change.observed_at < 100 for change in changes(outcome))


async def test_a_new_price_of_the_dearer_sku_is_no_change_of_own() -> None:
    """One of the cheapest SKU is, once."""
    files = [
        f"{HEADER}A,7,{dear},0,No,3.00\nB,7,{cheap},0,No,3.00\n"
        for dear, cheap in (("10.00", "4.00"), ("12.00", "4.00"), ("12.00", "5.00"))
    ]

    outcome = await read(*files)

    assert own(outcome).price_cents == 500
    late = [change for change in changes(outcome) if change.observed_at >= 100]
    assert [(change.offer, change.kinds) for change in late] == [("own", ("price",))]
