"""Offers out of an item as Walmart sends it, with all its quirks."""

from __future__ import annotations

from typing import Any

import pytest

from walmart_stream.domain.errors import BadInput, WrongShape
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.affiliate_offers import (
    MAX_NAME,
    MAX_SELLER,
    affiliate_offers,
    item_name,
)

KETTLE: dict[str, Any] = {
    "itemId": 12417832,
    "parentItemId": 12417832,
    "name": "Blue Kettle 1.7 L",
    "msrp": 29.99,
    "salePrice": 24.97,
    "upc": "012345678905",
    "categoryPath": "Home Page/Home/Kettles",
    "standardShipRate": 5.99,
    "twoThreeDayShippingRate": 9.97,
    "marketplace": False,
    "stock": "Available",
    "availableOnline": True,
    "customerRating": "4.31",
    "offerType": "ONLINE_AND_STORE",
    "bestMarketplacePrice": {
        "price": 23.49,
        "sellerInfo": "Acme LLC",
        "standardShipRate": 0.0,
        "twoThreeDayShippingRate": 0.0,
        "availableOnline": True,
        "clearance": False,
        "offerType": "ONLINE_ONLY",
    },
}


def test_a_whole_item_speaks_for_two_offers() -> None:
    """Featured and best marketplace offer, in cents."""
    offers = affiliate_offers(KETTLE)

    assert offers == {
        "featured": Offer(2497, 599, 997, True, "Walmart.com"),
        "marketplace": Offer(2349, 0, 0, True, "Acme LLC"),
    }


def test_every_key_but_the_item_id_is_optional() -> None:
    """An item of nothing but its id is unavailable, and its answer names no marketplace offer."""
    assert affiliate_offers({"itemId": 1}) == {"featured": UNAVAILABLE, "marketplace": None}


def test_null_is_as_good_as_absent() -> None:
    """Keys are omitted when unknown; one that is null instead says no more."""
    item = dict.fromkeys(KETTLE, None)

    assert affiliate_offers(item) == {"featured": UNAVAILABLE, "marketplace": None}
    assert item_name(item) is None


@pytest.mark.parametrize("amount", [24, 24.0, "24", "24.00", " 24.0 "])
def test_numbers_may_be_int_float_or_text(amount: object) -> None:
    """All spellings of an amount are the same amount, in every field that holds one."""
    item = {
        "salePrice": amount,
        "standardShipRate": amount,
        "twoThreeDayShippingRate": amount,
        "bestMarketplacePrice": {"price": amount},
    }

    offers = affiliate_offers(item)

    assert offers["featured"] == Offer(2400, 2400, 2400, True, "Walmart.com")
    assert offers["marketplace"] == Offer(2400, None, None, True, None)


def test_unknown_shipping_is_not_free_shipping() -> None:
    """An absent rate is None and leaves the landed price unknown; 0.0 is free and known."""
    unknown = affiliate_offers({"salePrice": 10})["featured"]
    free = affiliate_offers({"salePrice": 10, "standardShipRate": 0.0})["featured"]

    assert unknown is not None
    assert free is not None
    assert (unknown.shipping_cents, unknown.landed_cents) == (None, None)
    assert (free.shipping_cents, free.landed_cents) == (0, 1000)


def test_landed_is_price_plus_standard_shipping() -> None:
    """Faster shipping costs extra and is not part of it."""
    offer = affiliate_offers(KETTLE)["featured"]

    assert offer is not None
    assert offer.landed_cents == 2497 + 599


@pytest.mark.parametrize("flag", [False, "false", "False", "FALSE"])
def test_what_is_not_online_is_unavailable(flag: object) -> None:
    """availableOnline = false hides price, shipping and seller of either offer."""
    item = {**KETTLE, "availableOnline": flag}
    item["bestMarketplacePrice"] = {**KETTLE["bestMarketplacePrice"], "availableOnline": flag}

    assert affiliate_offers(item) == {"featured": UNAVAILABLE, "marketplace": UNAVAILABLE}


def test_what_has_no_price_is_unavailable_whatever_else_it_says() -> None:
    """salePrice is missing when an item cannot be bought online."""
    item = {name: value for name, value in KETTLE.items() if name != "salePrice"}

    assert affiliate_offers(item)["featured"] == UNAVAILABLE
    assert Offer(None, None, None, False, None) == UNAVAILABLE


def test_the_featured_seller_is_the_one_named() -> None:
    """A marketplace seller may hold the featured offer; without a name it is Walmart.com."""
    named = affiliate_offers({"salePrice": 1, "marketplace": True, "sellerInfo": "Acme"})
    blank = affiliate_offers({"salePrice": 1, "sellerInfo": "  "})

    assert named["featured"] == Offer(100, None, None, True, "Acme")
    assert blank["featured"] == Offer(100, None, None, True, "Walmart.com")


def test_html_entities_are_read_once() -> None:
    """Names and sellers come escaped; what was escaped twice stays escaped once."""
    item = {"salePrice": 1, "sellerInfo": "Tom &amp; Sons&#39;", "name": "&quot;A&quot; &amp;lt;"}

    featured = affiliate_offers(item)["featured"]

    assert featured is not None
    assert featured.seller == "Tom & Sons'"
    assert item_name(item) == '"A" &lt;'


def test_long_names_are_cut() -> None:
    """A name of a megabyte is not carried through every table and document."""
    item = {"salePrice": 1, "sellerInfo": "s" * 10**6, "name": "n" * 10**6}

    featured = affiliate_offers(item)["featured"]
    name = item_name(item)

    assert featured is not None
    assert featured.seller == "s" * MAX_SELLER
    assert name == "n" * MAX_NAME


def test_extra_keys_are_ignored() -> None:
    """Walmart adds fields without notice."""
    assert affiliate_offers({**KETTLE, "newThing": [{"a": None}]}) == affiliate_offers(KETTLE)


@pytest.mark.parametrize("wrong", ["none", [], 5, 1.5, True])
def test_a_marketplace_offer_that_is_no_object_has_the_wrong_shape(wrong: object) -> None:
    """Better a dead letter than an offer taken for absent."""
    with pytest.raises(WrongShape, match="bestMarketplacePrice"):
        affiliate_offers({**KETTLE, "bestMarketplacePrice": wrong})


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("salePrice", [1]),
        ("standardShipRate", True),
        ("twoThreeDayShippingRate", {}),
        ("sellerInfo", 5),
        ("availableOnline", 1),
        ("availableOnline", "yes"),
    ],
)
def test_wrong_types_are_named_even_if_the_offer_is_unavailable(field: str, wrong: object) -> None:
    """A bad field is bad whatever stands beside it."""
    with pytest.raises(BadInput, match=field):
        affiliate_offers({"availableOnline": False, field: wrong})
    with pytest.raises(
        BadInput, match=f"bestMarketplacePrice.{field.replace('salePrice', 'price')}"
    ):
        affiliate_offers({"bestMarketplacePrice": {field.replace("salePrice", "price"): wrong}})


def test_a_name_that_is_no_text_has_the_wrong_shape() -> None:
    """The name is used, so it is checked."""
    with pytest.raises(WrongShape, match="name"):
        item_name({"name": 5})


@pytest.mark.parametrize("flag", [True, "true", "TRUE", 1, "yes", "1", " Y "])
@pytest.mark.parametrize("name", [None, "", "  ", "&#32;"])
def test_the_seller_of_a_marketplace_item_without_a_name_is_unknown(
    flag: object, name: str | None
) -> None:
    """It is a third party, so it is not Walmart; nobody has said who."""
    item = {"salePrice": 1, "marketplace": flag, "sellerInfo": name}

    assert affiliate_offers(item)["featured"] == Offer(100, None, None, True, None)


@pytest.mark.parametrize("flag", [None, False, "false", 0, "no", [], "maybe", 2])
def test_an_item_that_no_flag_gives_to_a_third_party_is_sold_by_walmart(flag: object) -> None:
    """The flag is read for nothing else, so an odd one is as good as none."""
    item = {"salePrice": 1, "marketplace": flag}

    assert affiliate_offers(item)["featured"] == Offer(100, None, None, True, "Walmart.com")


@pytest.mark.parametrize(
    "stock",
    [
        "Not available",
        "NOT AVAILABLE",
        "not_available",
        " Out of stock ",
        "Sold out",
        "Not available.",
        "Currently unavailable",
        "OUT_OF_STOCK_ONLINE",
    ],
)
def test_what_is_out_of_stock_is_unavailable_whatever_it_costs(stock: str) -> None:
    """The page shows a price that nobody can pay; either offer can be so."""
    best = {"price": 2, "stock": stock}
    item = {"salePrice": 1, "availableOnline": True, "stock": stock, "bestMarketplacePrice": best}

    assert affiliate_offers(item) == {"featured": UNAVAILABLE, "marketplace": UNAVAILABLE}


@pytest.mark.parametrize(
    "stock", ["Available", "Limited Supply", "Last few items", "", None, 5, "x" * 10**6]
)
def test_any_other_word_for_the_stock_leaves_an_offer_available(stock: object) -> None:
    """An odd value of a field that is read for one word must not hide a price."""
    featured = affiliate_offers({"salePrice": 1, "stock": stock})["featured"]

    assert featured == Offer(100, None, None, True, "Walmart.com")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Bed&times", "Bed&times"),
        ("Bed &times; bath", "Bed × bath"),
        ("AT&T &amp Co", "AT&T &amp Co"),
        ("1 &lt2 &lt; 3", "1 &lt2 < 3"),
        ("&notit; &nosuch;", "&notit; &nosuch;"),
        ("&copy2026", "&copy2026"),
        ("&#233;&#xe9;&#233", "éé&#233"),
        ("a&#0;b", "a\ufffdb"),
    ],
)
def test_entities_need_their_semicolon(sent: str, shown: str) -> None:
    """A name is no web page: an ampersand in it begins nothing by itself."""
    assert item_name({"name": sent}) == shown


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Acme\n=1+1", "Acme =1+1"),
        ("Acme\t \x00Store\x1b[0m", "Acme   Store [0m"),
        ("Acme\u2028Store\x85", "Acme Store"),
        ("Acme&#10;&#13;Store", "Acme Store"),
    ],
)
def test_control_characters_in_names_become_one_blank(sent: str, shown: str) -> None:
    """They end a line of a file or a log, or steer a terminal; a name needs none."""
    featured = affiliate_offers({"salePrice": 1, "sellerInfo": sent})["featured"]

    assert featured is not None
    assert featured.seller == shown
