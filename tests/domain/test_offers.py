"""Offers out of an item as Walmart sends it, with all its quirks."""

from __future__ import annotations

from typing import Any

import pytest

from walmart_stream.domain.errors import BadInput, BadNumber
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.reading.affiliate_offers import affiliate_answer
from walmart_stream.domain.reading.texts import MAX_NAME, MAX_SELLER

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


def affiliate_offers(item: dict[str, Any]) -> dict[str, Offer | None]:
    return affiliate_answer(item).offers


def item_name(item: dict[str, Any]) -> str | None:
    return affiliate_answer(item).name


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


@pytest.mark.parametrize("flag", [False, "false", "FALSE", " no ", "N", "0", 0])
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


# -- one odd field -------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["none", [5], 5, 1.5, True])
def test_of_a_marketplace_offer_that_is_no_object_the_answer_says_nothing(wrong: object) -> None:
    """It is not taken for absent, and the featured offer is as certain beside it."""
    answer = affiliate_answer({**KETTLE, "bestMarketplacePrice": wrong})

    assert answer.offers == {"featured": Offer(2497, 599, 997, True, "Walmart.com")}
    assert answer.odd == ("bestMarketplacePrice",)


@pytest.mark.parametrize("blank", ["", " ", [], None])
def test_a_blank_marketplace_offer_is_none(blank: object) -> None:
    """As if it were not there, which nothing is odd about."""
    answer = affiliate_answer({**KETTLE, "bestMarketplacePrice": blank})

    assert (answer.offers["marketplace"], answer.odd) == (None, ())


@pytest.mark.parametrize("wrong", ["", "cheap", "1,2,3.00", -1, [1], {}, True])
def test_of_a_marketplace_offer_of_an_odd_price_the_answer_says_nothing(wrong: object) -> None:
    """There is one, at a price that is not read: what was last said of it goes on."""
    best = {**KETTLE["bestMarketplacePrice"], "price": wrong}
    answer = affiliate_answer({**KETTLE, "bestMarketplacePrice": best})

    assert answer.offers == {"featured": Offer(2497, 599, 997, True, "Walmart.com")}
    assert answer.odd == ("bestMarketplacePrice.price",)


@pytest.mark.parametrize("wrong", ["cheap", "1,2,3.00", "", -1, [1], {}, True])
def test_an_odd_price_of_the_item_is_bad_input(wrong: object) -> None:
    """It decides what the item is about, whatever stands beside it."""
    for online in (True, False):
        with pytest.raises(BadInput, match="salePrice"):
            affiliate_answer({**KETTLE, "availableOnline": online, "salePrice": wrong})
    with pytest.raises(BadNumber, match="salePrice"):
        affiliate_answer({"salePrice": "cheap", "name": 5, "sellerInfo": 5})


RATES = ("standardShipRate", "twoThreeDayShippingRate")


@pytest.mark.parametrize("rate", ["soon", "1,2,3.00", -1, True, [], {}, float("inf"), "9" * 101])
def test_an_odd_shipping_rate_is_unknown_and_counted(rate: object) -> None:
    """Unknown is not free; price and seller are certain without it, in either offer."""
    item = {**KETTLE, **dict.fromkeys(RATES, rate)}
    item["bestMarketplacePrice"] = {**KETTLE["bestMarketplacePrice"], **dict.fromkeys(RATES, rate)}

    answer = affiliate_answer(item)

    assert answer.offers == {
        "featured": Offer(2497, None, None, True, "Walmart.com"),
        "marketplace": Offer(2349, None, None, True, "Acme LLC"),
    }
    assert answer.odd == (*RATES, *(f"bestMarketplacePrice.{name}" for name in RATES))


@pytest.mark.parametrize("rate", ["", " ", "N/A", "-", "null", "none", "NaN"])
def test_a_shipping_rate_left_blank_is_unknown(rate: str) -> None:
    """It is how nothing is written, and nothing is odd about that."""
    answer = affiliate_answer({"salePrice": 10, "standardShipRate": rate})

    assert answer.offers["featured"] == Offer(1000, None, None, True, "Walmart.com")
    assert answer.odd == ()


@pytest.mark.parametrize("free", ["FREE", "free shipping", " Free ", "0.00", "$0", 0])
def test_free_shipping_is_zero(free: object) -> None:
    """It is known, and nothing is odd about it."""
    answer = affiliate_answer({"salePrice": 10, "standardShipRate": free})

    assert answer.offers["featured"] == Offer(1000, 0, None, True, "Walmart.com")
    assert answer.odd == ()


@pytest.mark.parametrize("odd", [5, True, ["Acme"], {"name": "Acme"}])
def test_a_seller_that_cannot_be_read_is_unknown_and_not_walmart(odd: object) -> None:
    """Somebody is named; a change to Walmart.com would be a false one."""
    best = {**KETTLE["bestMarketplacePrice"], "sellerInfo": odd}
    answer = affiliate_answer({**KETTLE, "sellerInfo": odd, "bestMarketplacePrice": best})

    assert answer.offers == {
        "featured": Offer(2497, 599, 997, True, None),
        "marketplace": Offer(2349, 0, 0, True, None),
    }
    assert answer.odd == ("sellerInfo", "bestMarketplacePrice.sellerInfo")


@pytest.mark.parametrize("odd", [5, False, [], {"en": "Kettle"}])
def test_a_name_that_is_no_text_is_unknown(odd: object) -> None:
    """An item keeps the name that it had."""
    answer = affiliate_answer({**KETTLE, "name": odd})

    assert (answer.name, answer.odd) == (None, ("name",))
    assert answer.offers == affiliate_offers(KETTLE)


@pytest.mark.parametrize("odd", ["maybe", 2, 1.5, [], {}])
def test_an_odd_flag_is_as_good_as_none(odd: object) -> None:
    """The price is what makes an offer available, where nothing says that it is not."""
    best = {**KETTLE["bestMarketplacePrice"], "availableOnline": odd}
    item = {**KETTLE, "availableOnline": odd, "marketplace": odd, "bestMarketplacePrice": best}
    answer = affiliate_answer(item)

    assert answer.offers == affiliate_offers(KETTLE)
    assert answer.odd == ("marketplace", "availableOnline", "bestMarketplacePrice.availableOnline")


def test_a_text_is_read_once_beside_an_odd_field() -> None:
    """A text that was escaped twice stays escaped once, and blanks around a rate cost nothing."""
    item = {"salePrice": 1, "sellerInfo": "A &amp;amp; B", "standardShipRate": "$ 5", "name": 5}

    assert affiliate_offers(item)["featured"] == Offer(100, 500, None, True, "A &amp; B")


@pytest.mark.parametrize("odd", [[], {}, "", 5, None])
def test_fields_that_nobody_uses_may_hold_anything(odd: object) -> None:
    """Nothing is odd about what is not read."""
    answer = affiliate_answer({**KETTLE, "customerRating": odd, "offerType": odd, "msrp": odd})

    assert answer == affiliate_answer(KETTLE)


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
    answer = affiliate_answer({"salePrice": 1, "stock": stock})

    assert answer.offers["featured"] == Offer(100, None, None, True, "Walmart.com")
    assert answer.odd == (("stock",) if stock == 5 else ())


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
