"""Answers of a prepared Walmart, from the request to the changes that come of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.walmart.prepared import response
from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.windows import Rules

ITEM = {"itemId": 101, "name": "Kettle", "salePrice": 24.97, "standardShipRate": 0}
RULES = Rules(window_ms=1000, known_ms=3000)

Polled = Callable[..., Awaitable[Outcome]]


@pytest.fixture
def polled(open_client: Any) -> Polled:
    """The outcome of polling one item that Walmart answers with the fields of each look in turn."""

    async def poll(*looks: dict[str, Any]) -> Outcome:
        answers = iter([response(200, {"items": [{**ITEM, **look}]}) for look in looks])
        client, _ = open_client(lambda _: next(answers))
        entries = []
        for at in range(len(looks)):
            (answer,) = (await client.items(["101"])).answers
            value = encode(
                source="affiliate",
                item_id="101",
                observed_at=at,
                request_id=answer.request_id,
                payload=answer.items["101"],
            )
            entries.append(Entry(decode(b"101", value), Source("raw", 0, at)))
        return apply({}, entries, RULES)

    return poll


def offer(outcome: Outcome, name: str = "featured") -> Offer:
    return outcome.states["101"].offers[name].offer


def kinds(outcome: Outcome, name: str = "featured") -> list[tuple[str, ...]]:
    """The kinds of each change of an offer after the first sight."""
    changes = [event for event in outcome.events if isinstance(event, PriceChange)]
    return [change.kinds for change in changes if change.offer == name][1:]


@pytest.mark.parametrize("flag", [True, "true", "Yes", 1])
@pytest.mark.parametrize("seller", [{}, {"sellerInfo": None}, {"sellerInfo": " &#32; "}])
async def test_the_seller_of_a_third_party_item_that_names_none_is_unknown(
    polled: Polled, flag: object, seller: dict[str, Any]
) -> None:
    """It is not Walmart.com, to which the offer would seem to have gone."""
    named = {"marketplace": True, "sellerInfo": "Acme"}
    outcome = await polled({"marketplace": flag, **seller}, named, {"marketplace": flag, **seller})

    assert offer(outcome) == Offer(2497, 0, None, True, None)
    assert kinds(outcome) == [("seller",), ("seller",)]


@pytest.mark.parametrize(
    "stock", ["Not available", "OUT_OF_STOCK", "Sold Out", "Currently unavailable.", "not-in-stock"]
)
async def test_an_item_that_is_out_of_stock_is_unavailable_at_any_price(
    polled: Polled, stock: str
) -> None:
    """Either offer; it is back with the next answer that has it in stock."""
    best = {"price": 23.49, "stock": stock}
    gone = await polled({}, {"stock": stock, "bestMarketplacePrice": best})
    back = await polled({}, {"stock": stock}, {"stock": "Limited Supply"})

    assert (offer(gone), offer(gone, "marketplace")) == (UNAVAILABLE, UNAVAILABLE)
    assert "availability" in kinds(gone)[0]
    assert offer(back) == Offer(2497, 0, None, True, "Walmart.com")


ODD: list[tuple[dict[str, Any], Offer, int]] = [
    ({"standardShipRate": ""}, Offer(2497, None, None, True, "Walmart.com"), 0),
    ({"standardShipRate": "N/A"}, Offer(2497, None, None, True, "Walmart.com"), 0),
    ({"standardShipRate": "FREE"}, Offer(2497, 0, None, True, "Walmart.com"), 0),
    ({"standardShipRate": "call us"}, Offer(2497, None, None, True, "Walmart.com"), 1),
    ({"standardShipRate": {"usd": 5}}, Offer(2497, None, None, True, "Walmart.com"), 1),
    ({"twoThreeDayShippingRate": -1}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"name": 5}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"marketplace": "maybe"}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"availableOnline": "perhaps"}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"sellerInfo": ["Acme"]}, Offer(2497, 0, None, True, None), 1),
    ({"bestMarketplacePrice": "?"}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"bestMarketplacePrice": {"price": "?"}}, Offer(2497, 0, None, True, "Walmart.com"), 1),
    ({"customerRating": [], "offerType": {}}, Offer(2497, 0, None, True, "Walmart.com"), 0),
]


@pytest.mark.parametrize(("odd", "due", "counted"), ODD)
async def test_an_odd_field_is_unknown_and_the_rest_of_the_item_is_taken(
    polled: Polled, odd: dict[str, Any], due: Offer, counted: int
) -> None:
    """The new price is not missed, and the name that was known stays."""
    outcome = await polled({"salePrice": 30}, odd)

    assert (offer(outcome), outcome.odd) == (due, counted)
    assert "price" in kinds(outcome)[0]
    assert outcome.states["101"].name == "Kettle"


@pytest.mark.parametrize("odd", ["?", {"price": "?"}, [5]])
async def test_an_odd_marketplace_offer_stays_as_it_was_last_said(
    polled: Polled, odd: object
) -> None:
    """It is not gone, and what comes next is compared with it."""
    best = {"price": 23.49, "sellerInfo": "Acme"}
    outcome = await polled(*({"bestMarketplacePrice": one} for one in (best, odd, best)))

    assert offer(outcome, "marketplace") == Offer(2349, None, None, True, "Acme")
    assert kinds(outcome, "marketplace") == []


@pytest.mark.parametrize("price", ["call us", "1,2,3.00", [24.97], {"amount": 24.97}, -1, True])
async def test_an_odd_price_of_the_item_is_bad_input(polled: Polled, price: object) -> None:
    """It is what everything else is about."""
    with pytest.raises(BadInput, match="salePrice"):
        await polled({"salePrice": price})


NOEL = "Café Noël"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Acme  Store", "Acme Store"),
        ("Acme\u00a0Store", " acme store "),
        (unicodedata.normalize("NFD", NOEL), unicodedata.normalize("NFC", NOEL)),
        ("Walmart", "Walmart.com"),
        ("WALMART.COM", "Walmart Inc."),
        ("A&amp;B", "A&B"),
    ],
)
async def test_two_spellings_of_a_seller_are_no_change(
    polled: Polled, one: str, other: str
) -> None:
    """In either offer and either direction; another seller is one."""
    looks = [
        {"sellerInfo": name, "bestMarketplacePrice": {"price": 9, "sellerInfo": name}}
        for name in (one, other, one, "Other")
    ]
    outcome = await polled(*looks)

    assert kinds(outcome) == [("seller",)]
    assert kinds(outcome, "marketplace") == [("seller",)]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Bed&times", "Bed&times"),
        ("Bed &times; Bath", "Bed × Bath"),
        ("Salt&para Pepper", "Salt&para Pepper"),
        ("1 &lt2 &lt; 3", "1 &lt2 < 3"),
        ("R&amp;D &amp;copy", "R&D &copy"),
        ("Caf&#233; &#233", "Café &#233"),
    ],
)
async def test_an_entity_needs_its_semicolon(polled: Polled, sent: str, shown: str) -> None:
    """In names of items and of sellers."""
    outcome = await polled({"name": sent, "sellerInfo": sent})

    assert outcome.states["101"].name == shown
    assert offer(outcome).seller == shown
