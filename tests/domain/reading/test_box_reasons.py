"""Reasons for a lost buy box: rows of the pricing insights, and the badges in events."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from walmart_stream.domain.errors import BadNumber, WrongShape
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.reading.box_reasons import Badges, Compared, Insight
from walmart_stream.domain.reading.seller_observation import Sight

ROW = {
    "itemName": "Kettle",
    "sku": " A-1 ",
    "currentPrice": 24.97,
    "buyBoxBasePrice": 23.49,
    "buyBoxTotalPrice": "29.48",
    "buyBoxWinRate": "45.5",
    "competitorPrice": {"amount": "22.10", "currency": "USD"},
    "comparisonPrice": None,
    "suggestedPrice": 22.09,
    "suggestedPriceDriver": "BUY_BOX_PRICE",
    "fulfillment": "Seller Fulfilled",
    "priceCompetitive": "No",
    "traffic": "HIGH",
}


def sight_of(source: str, payload: Any) -> Sight:
    value = encode(
        source=source,
        item_id="7",
        observed_at=1_795_370_400_000,
        request_id="r",
        payload=payload if isinstance(payload, bytes) else orjson.dumps(payload),
    )
    observation = decode(b"7", value)
    assert observation.sight is not None
    return observation.sight


def insight(**changed: Any) -> Sight:
    return sight_of("seller", {"insight": ROW | changed})


def test_a_row_of_the_insights_is_read_and_speaks_for_no_offer() -> None:
    """Its prices may be older than those that are observed: it explains, and changes nothing."""
    sight = insight()

    assert sight.insight == Insight(
        2209, "BUY_BOX_PRICE", 2210, 2349, 2948, 0.455, False, "Seller Fulfilled", "HIGH"
    )
    assert (sight.insight_of, sight.own, sight.box, sight.odd) == ("A-1", None, None, ())
    assert not sight.is_silent


def test_what_is_missing_or_empty_is_unknown() -> None:
    """Nothing of it is documented to be always there."""
    nothing = dict.fromkeys(ROW) | {"sku": "A", "buyBoxWinRate": "n/a", "priceCompetitive": ""}

    assert sight_of("seller", {"insight": nothing}).insight == Insight()
    assert sight_of("seller", {"insight": {"sku": "A"}}).insight == Insight()
    assert insight(suggestedPrice=0).insight == insight(suggestedPrice=None).insight


@pytest.mark.parametrize(
    ("sent", "share"),
    [("45.5", 0.455), (45.5, 0.455), ("60%", 0.6), (0, 0.0), ("100", 1.0), ("0.5", 0.005)],
)
def test_a_win_rate_is_a_percentage(sent: Any, share: float) -> None:
    """As number or text, with or without the sign."""
    found = insight(buyBoxWinRate=sent).insight

    assert found is not None
    assert found.win_rate == pytest.approx(share)


@pytest.mark.parametrize(
    ("field", "sent"),
    [
        ("buyBoxWinRate", "101"),
        ("buyBoxWinRate", -1),
        ("buyBoxWinRate", "most"),
        ("buyBoxWinRate", True),
        ("buyBoxWinRate", [45]),
        ("buyBoxWinRate", 10**18),
        ("buyBoxWinRate", "1e999"),
        ("priceCompetitive", "perhaps"),
        ("traffic", 7),
        ("suggestedPriceDriver", {"code": 1}),
        ("fulfillment", ["WFS"]),
    ],
)
def test_a_field_that_cannot_be_read_is_unknown_and_named(field: str, sent: Any) -> None:
    """The rest of the row counts."""
    sight = insight(**{field: sent})

    assert sight.odd == (field.lower(),)
    assert sight.insight is not None
    assert sight.insight.suggested_cents == 2209


@pytest.mark.parametrize("field", ["suggestedPrice", "competitorPrice", "buyBoxTotalPrice"])
@pytest.mark.parametrize("sent", [-1, "1,2,3", "cheap", {"amount": 1, "currency": "EUR"}])
def test_a_price_that_cannot_be_read_is_bad_input(field: str, sent: Any) -> None:
    """As of every source."""
    with pytest.raises(BadNumber, match=field.lower()):
        insight(**{field: sent})


@pytest.mark.parametrize("row", [None, [], "A", {}, {"sku": 5}, {"sku": " "}])
def test_what_is_no_row_is_bad_input(row: Any) -> None:
    """And the message says what would be right."""
    with pytest.raises(WrongShape, match=r"payload\.insight"):
        sight_of("seller", {"insight": row})


def test_a_price_on_half_a_cent_is_read_from_its_text() -> None:
    """A double cannot tell how to round it."""
    found = sight_of("seller", b'{"insight":{"sku":"A","suggestedPrice":22.085}}').insight

    assert found is not None
    assert found.suggested_cents == 2208


def event(current: Any, winning: Any) -> Any:
    return {
        "source": {"eventType": "BUY_BOX_CHANGED"},
        "payload": {
            "itemInfo": {"itemId": "7"},
            "offer": {"currentOffer": current, "winningOffer": winning},
        },
    }


def test_the_badges_of_own_and_winner_are_read() -> None:
    """Whatever of them is left out or cannot be read is unknown."""
    own = {"sellerName": "Me", "isWFS": False, "proSellerBadge": "yes"}
    winner = {"sellerName": "You", "isWFS": True, "sellerShippingSpeed": "TWO_DAY"}

    sight = sight_of("webhook", event(own, winner))

    assert sight.compared == Compared(Badges(False, True, None), Badges(True, None, "TWO_DAY"))
    assert sight_of("webhook", event({"sellerName": "Me"}, None)).compared == Compared()
    odd = sight_of("webhook", event(own | {"isWFS": "whales"}, winner))
    assert odd.odd == ("iswfs",)
    assert odd.compared == Compared(Badges(None, True, None), Badges(True, None, "TWO_DAY"))


@pytest.mark.parametrize("field", ["isWFS", "proSellerBadge", "sellerShippingSpeed"])
@pytest.mark.parametrize("sent", [[], {}, 2.5, "x" * 10_000, None, "\u202e\x00"])
def test_hostile_badges_spoil_nothing(field: str, sent: Any) -> None:
    """The event still tells who holds the box."""
    sight = sight_of("webhook", event({field: sent}, {"sellerName": "You", field: sent}))

    assert sight.box is not None
    assert sight.box.seller == "You"
    for side in (sight.compared or Compared()).own, (sight.compared or Compared()).winner:
        assert side is None or side.speed is None or len(side.speed) <= 50
