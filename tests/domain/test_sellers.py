"""Names of sellers: shown as Walmart writes them, compared by what they are."""

from __future__ import annotations

import unicodedata

import orjson
import pytest

from walmart_stream.domain.apply import Entry, Outcome, apply
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.reading import decode, encode
from walmart_stream.domain.sellers import same_seller, tidy
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.windows import Rules

CAFE = "Café Noël"
SPELLINGS = [
    ("Acme  Store", "Acme Store"),
    ("Acme\u00a0Store ", "Acme Store"),
    ("Acme\u200b Store", "Acme Store"),
    (unicodedata.normalize("NFD", CAFE), unicodedata.normalize("NFC", CAFE)),
    ("ACME Store", "Acme store"),
    ("Walmart", "Walmart.com"),
    ("WALMART.COM", "Walmart"),
]
RULES = Rules(window_ms=1000, known_ms=3000)


def affiliate(at: int, seller: str, price: float = 5) -> Entry:
    return record(at, "affiliate", {"itemId": 1, "salePrice": price, "sellerInfo": seller})


def box_changed(at: int, *sellers: str, own: str = "My Shop", winner: str | None = None) -> Entry:
    offers = [{"sellerName": name, "sellerOfferPrice": 4 + n} for n, name in enumerate(sellers)]
    about = {
        "currentOffer": {"sellerName": own, "sellerOfferPrice": 6},
        "winningOffer": {"sellerName": winner or sellers[0], "sellerOfferPrice": 4},
        "offers": offers,
    }
    info = {"itemId": "1", "totalNumberOfOffers": len(offers)}
    event = {"source": {"eventType": "BUY_BOX_CHANGED"}, "payload": {"itemInfo": info}}
    event["payload"]["offer"] = about
    return record(at, "webhook", event)


def record(at: int, source: str, payload: object) -> Entry:
    value = encode(
        source=source, item_id="1", observed_at=at, request_id="r", payload=orjson.dumps(payload)
    )
    return Entry(decode(b"1", value), Source("raw", 0, at))


def run(*entries: Entry) -> Outcome:
    return apply({}, entries, RULES)


def changes(outcome: Outcome) -> list[PriceChange]:
    return [event for event in outcome.events if isinstance(event, PriceChange)]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_two_spellings_of_a_seller_are_no_change_of_seller(one: str, other: str) -> None:
    """Blanks, composed characters, case, and Walmart's two names for itself differ by answer."""
    outcome = run(affiliate(1, one), affiliate(2, other), affiliate(3, one, price=4))

    found = changes(outcome)
    assert [change.kinds for change in found] == [("first_seen",), ("price",)]
    assert found[0].now.seller == one.strip()


def test_another_seller_is_a_change_of_seller() -> None:
    """Names that only look alike are two."""
    outcome = run(affiliate(1, "Acme"), affiliate(2, "Acne"), affiliate(3, "Walmart Partner"))

    assert [change.kinds for change in changes(outcome)][1:] == [("seller",), ("seller",)]


@pytest.mark.parametrize(("one", "other"), [pair for pair in SPELLINGS if "ACME" not in pair[0]])
def test_two_spellings_of_a_rival_are_one_offer(one: str, other: str) -> None:
    """Else each event would bring a new rival, and the other one would be gone."""
    outcome = run(box_changed(1, one), box_changed(2, other), box_changed(3, one))

    names = [name for name in outcome.states["1"].offers if name.startswith("rival:")]
    assert names == [f"rival:{tidy(one)}"]
    assert [change.kinds for change in changes(outcome)] == 2 * [("first_seen",)]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_two_spellings_of_the_winner_do_not_move_the_buy_box(one: str, other: str) -> None:
    """It has been held since the first word; and own is own however its name is written."""
    kept = run(box_changed(1, one, winner=one), box_changed(2, other, winner=other))
    own = run(box_changed(1, "Rival", own=one, winner=other))

    box = kept.states["1"].seller
    assert box is not None
    assert box.box is not None
    assert box.box.since == 1
    standing = item_standing(own.states["1"], RULES.known_ms)
    assert standing is not None
    assert standing.buy_box.holder == "own"


def test_an_unknown_seller_is_the_same_as_an_unknown_one_only() -> None:
    """None differs from every name."""
    assert same_seller(None, None)
    assert not same_seller(None, "Acme")
    assert not same_seller("Acme", None)
