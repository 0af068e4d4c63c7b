"""Several SKUs of one item: one own offer, the same whatever order they are seen in."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import orjson
import pytest

from walmart_stream.domain import state
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.own import LISTED_FOR_MS, MOST_SKUS, SellerState
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.windows import Rules

RULES = Rules(window_ms=1000, known_ms=3000)


def record(at: int, source: str, payload: object) -> Entry:
    value = encode(
        source=source, item_id="1", observed_at=at, request_id="r", payload=orjson.dumps(payload)
    )
    return Entry(decode(b"1", value), Source("raw", 0, at))


def item(at: int, sku: str, price: float, condition: str | None = "New", **more: Any) -> Entry:
    fields = {"sku": sku, "price": {"amount": price}, "publishedStatus": "PUBLISHED"}
    if condition is not None:
        fields["condition"] = condition
    return record(at, "seller", fields | more)


def row(at: int, sku: str, price: str, shipping: str, wins: str, box: str = "3.00") -> Entry:
    cells = {"SKU": sku, "Item ID": "1", "Seller Item Price": price, "Seller Ship Price": shipping}
    cells |= {"isSellerBuyBoxWinner": wins, "BuyBox Item Price": box}
    return record(at, "seller", {"report": "BUYBOX", "row": cells})


def box_changed(at: int, condition: str | None, price: float, rival: float) -> Entry:
    acme = {"sellerName": "Acme", "sellerOfferPrice": rival, "itemConditionName": condition}
    own = {"sellerName": "My Shop", "sellerOfferPrice": price}
    info = {"itemId": "1", "itemCondition": condition, "totalNumberOfOffers": 1}
    about = {"currentOffer": own, "winningOffer": acme, "offers": [acme]}
    return record(
        at,
        "webhook",
        {"source": {"eventType": "BUY_BOX_CHANGED"}, "payload": {"itemInfo": info, "offer": about}},
    )


def run(*entries: Entry) -> Outcome:
    return apply({}, entries, RULES)


def own(outcome: Outcome) -> Offer:
    return outcome.states["1"].offers["own"].offer


def changes(outcome: Outcome, offer: str = "own") -> list[PriceChange]:
    events = [event for event in outcome.events if isinstance(event, PriceChange)]
    return [event for event in events if event.offer == offer]


def test_a_used_sku_does_not_make_the_price_of_a_new_one_flip() -> None:
    """Read one after the other again and again, they are two SKUs and not two prices."""
    looks = [
        look
        for at in range(0, 100, 10)
        for look in (item(at, "KET-NEW", 10), item(at + 1, "KET-USED", 4, "Used"))
    ]

    outcome = run(*looks)

    assert [change.now.price_cents for change in changes(outcome)] == [1000]
    assert own(outcome) == Offer(1000, None, None, True, None)


@pytest.mark.parametrize(
    ("others", "price"),
    [
        ([("B", 9, "New")], 900),
        ([("B", 4, "Used"), ("C", 12, "New")], 1000),
        ([("B", 4, "Refurbished"), ("C", 5, "Pre-owned")], 1000),
        ([("B", 9, None)], 900),
        ([("B", 10, "New")], 1000),
        ([("B", 0, "New")], 1000),
    ],
)
def test_the_own_offer_is_the_lowest_new_one_whatever_comes_first(
    others: list[tuple[str, float, str | None]], price: int
) -> None:
    """A buyer of the item is shown that one; a condition that is not named is new."""
    skus = [("A", 10.0, "New"), *others]

    found = {
        own(run(*(item(at, *sku) for at, sku in enumerate(order)))).price_cents
        for order in permutations(skus)
    }

    assert found == {price}


def test_shipping_counts_and_is_carried_over_for_each_sku_by_itself() -> None:
    """The list of items does not see shipping, the report does."""
    rows = [row(1, "A", "10.00", "5.99", "No"), row(2, "B", "12.00", "0.00", "No")]
    items = [item(3, "A", 10), item(4, "B", 12)]

    assert own(run(*rows, *items)) == Offer(1200, 0, None, True, None)


def test_without_the_new_one_the_used_one_is_the_own_offer() -> None:
    """It can be ordered; when the new one is published again, that is own again."""
    looks = [item(1, "A", 10), item(2, "B", 4, "Used")]
    gone = item(3, "A", 10, publishedStatus="UNPUBLISHED")
    back = item(4, "A", 10)

    assert own(run(*looks, gone)).price_cents == 400
    assert own(run(*looks, gone, back)).price_cents == 1000
    both_gone = item(4, "B", 4, "Used", lifecycleStatus="RETIRED")
    assert own(run(*looks, gone, both_gone)) == UNAVAILABLE


def test_a_sku_that_is_listed_no_more_does_not_stay_the_own_offer() -> None:
    """A removed SKU is not said to be gone: nothing is said of it."""
    looks = [item(1, "A", 10), item(2, "B", 9), item(3 + LISTED_FOR_MS, "A", 10)]

    assert own(run(*looks)).price_cents == 1000


def test_skus_of_the_same_moment_are_all_heard() -> None:
    """All items of an answer have one time; the one that comes second tells with the next look."""
    outcome = run(item(1, "A", 10), item(1, "B", 9), item(2, "A", 10))

    assert [change.now.price_cents for change in changes(outcome)] == [1000, 900]
    assert (outcome.applied, outcome.duplicate) == (3, 0)


def test_seeing_the_same_again_changes_nothing() -> None:
    """A batch that is fed twice, or in part, gives the same results and the same states."""
    looks = [item(1, "A", 10), item(2, "B", 9), row(3, "A", "8.00", "0", "Yes"), item(4, "B", 7)]
    once = run(*looks)
    twice = run(*looks)

    again = apply(twice.states, looks, RULES)

    assert again.events == []
    assert again.duplicate + again.late == len(looks)
    assert own(again) == own(once)


def test_a_row_of_a_sku_that_does_not_win_leaves_the_box_to_the_one_that_does() -> None:
    """The report has a row for each; the box is the item's."""
    outcome = run(
        item(1, "A", 10),
        item(2, "B", 4, "Used"),
        *(
            look
            for at in (10, 20)
            for look in (row(at, "A", "10", "0", "Yes"), row(at + 1, "B", "4", "0", "No"))
        ),
    )
    lost = apply(outcome.states, [row(30, "A", "10", "0", "No")], RULES)

    held = outcome.states["1"].seller
    assert held is not None
    assert [change.buy_box.holder for change in changes(outcome) if change.buy_box] == ["own"]
    assert [change.buy_box.holder for change in changes(lost) if change.buy_box] == ["rival"]


def test_rivals_of_used_offers_are_no_rivals_of_a_new_one() -> None:
    """Events are about one condition; those of another one than own's say nothing of its box."""
    looks = [item(1, "A", 10), item(2, "B", 4, "Used"), box_changed(3, "New", 10, 9)]

    outcome = run(*looks, box_changed(4, "Used", 4, 3))

    assert own(outcome).price_cents == 1000
    assert [change.now.price_cents for change in changes(outcome, "rival:Acme")] == [900]


def test_a_used_item_competes_with_used_ones() -> None:
    """Where used is all that the seller has, its events speak for its rivals."""
    outcome = run(item(1, "B", 4, "Used"), box_changed(2, "Used", 4, 3))

    assert [change.now.price_cents for change in changes(outcome, "rival:Acme")] == [300]


def test_what_was_said_before_a_sku_was_named_is_that_skus() -> None:
    """States of earlier versions, and events without a SKU, know the offer anyway."""
    first = run(item(5, "A", 10), row(6, "A", "10", "4.99", "No"))
    old = first.states["1"]
    assert old.seller is not None
    old.seller = SellerState(True, 1000, 499, "My Shop", box=old.seller.box)
    stored = state.encode(old)

    late = apply({"1": state.decode(stored)}, [item(6, "A", 11)], RULES)
    newer = apply({"1": state.decode(stored)}, [item(7, "A", 11)], RULES)

    assert (late.duplicate, own(late)) == (1, Offer(1000, 499, None, True, None))
    assert own(newer) == Offer(1100, 499, None, True, "My Shop")


def test_the_skus_of_an_item_are_limited() -> None:
    """A catalogue that makes up a SKU a minute does not fill the table; the stalest goes."""
    outcome = run(*(item(at, f"S{at}", 10 + at) for at in range(2 * MOST_SKUS)))

    seller = outcome.states["1"].seller
    assert seller is not None
    assert len(seller.skus) == MOST_SKUS
    assert f"S{2 * MOST_SKUS - 1}" in seller.skus
