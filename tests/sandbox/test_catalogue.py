"""The catalogue: any size, repeatable, with the real feed's oddities."""

from __future__ import annotations

import html

import orjson
import pytest

from walmart_stream.sandbox.affiliate.item_json import ItemWriter
from walmart_stream.sandbox.market.catalogue import Catalogue, generate_catalogue
from walmart_stream.sandbox.market.market import Market


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return generate_catalogue(10_000, seed=1)


@pytest.fixture(scope="module")
def items(catalogue):
    market, writer = Market(catalogue.products, seed=1), ItemWriter()
    return [
        orjson.loads(b"".join(writer.write(product, market.listing(product.item_id, 0.0)).payload))
        for product in catalogue.products
    ]


def test_ten_thousand_items_have_unique_numeric_ids(catalogue):
    """Ids are unique and have up to 11 digits."""
    ids = [product.item_id for product in catalogue.products]

    assert len(set(ids)) == 10_000
    assert all(10**7 <= item_id < 10**11 for item_id in ids)


def test_a_seed_repeats_its_catalogue_and_a_longer_one_begins_the_same(catalogue):
    """The first items do not depend on how many follow; another seed gives others."""
    short = generate_catalogue(100, seed=1)
    other = generate_catalogue(100, seed=2)

    first = [product.static_json for product in catalogue.products[:100]]
    assert [product.static_json for product in short.products] == first
    assert [product.static_json for product in other.products] != first


@pytest.mark.parametrize(
    "key",
    [
        "upc",
        "msrp",
        "standardShipRate",
        "salePrice",
        "variants",
        "customerRating",
        "brandName",
        "sellerInfo",
        "bestMarketplacePrice",
        "twoThreeDayShippingRate",
        "longDescription",
    ],
)
def test_optional_keys_are_there_on_some_items_and_missing_on_others(items, key):
    """Walmart leaves out unknown keys; it does not write null."""
    present = sum(key in item for item in items)

    assert 0 < present < len(items)
    assert all(value is not None for item in items for value in item.values())


def test_names_and_descriptions_carry_html_entities(items):
    """Some names are escaped, some are not; unescaped they are the plain name."""
    escaped = [item["name"] for item in items if html.unescape(item["name"]) != item["name"]]
    raw = [item["name"] for item in items if "&" in item["name"] and item["name"] not in escaped]

    assert escaped
    assert raw
    assert any("&quot;" in name for name in escaped)
    assert any(item.get("longDescription", "").startswith("&lt;p&gt;") for item in items)


def test_upcs_have_twelve_digits_a_check_digit_and_often_leading_zeros(items):
    """UPCs are text, so that leading zeros survive; a few are shared by two items."""
    upcs = [item["upc"] for item in items if "upc" in item]

    assert all(len(upc) == 12 and upc.isdecimal() for upc in upcs)
    assert all((3 * sum(map(int, upc[::2])) + sum(map(int, upc[1::2]))) % 10 == 0 for upc in upcs)
    assert any(upc.startswith("0") for upc in upcs)
    assert len(set(upcs)) < len(upcs)


def test_numbers_come_as_fractions_integers_and_text(items):
    """Ratings are always text; prices are numbers, seldom text."""
    ratings = [item["customerRating"] for item in items if "customerRating" in item]
    kinds = {type(item["salePrice"]) for item in items if "salePrice" in item}

    assert all(isinstance(rating, str) and 1 <= float(rating) <= 5 for rating in ratings)
    assert kinds == {float, int, str}


def test_some_list_prices_are_below_the_sale_price(items):
    """An msrp proves nothing."""
    both = [item for item in items if "msrp" in item and "salePrice" in item]

    below = [item for item in both if float(item["msrp"]) < float(item["salePrice"])]

    assert below
    assert len(below) < len(both) / 2


def test_shipping_is_free_or_costs_or_is_unknown(items):
    """0.0 means free, a missing key means unknown; both happen."""
    rates = [item.get("standardShipRate") for item in items]

    assert None in rates
    assert 0.0 in rates
    assert any(rate is not None and float(rate) > 0 for rate in rates)


def test_third_party_items_name_their_seller_and_have_no_rival_beside(items):
    """``marketplace`` items carry ``sellerInfo``; ``bestMarketplacePrice`` is for Walmart's own."""
    third_party = [item for item in items if item["marketplace"]]
    own = [item for item in items if not item["marketplace"]]

    assert all(item["sellerInfo"] for item in third_party)
    assert not any("sellerInfo" in item for item in own)
    assert not any("bestMarketplacePrice" in item for item in third_party)
    assert sum("bestMarketplacePrice" in item for item in own) > len(own) / 2


def test_what_is_sold_out_has_no_price_or_a_price_nobody_can_order_at(items):
    """Both forms happen, and ``stock`` says so."""
    sold_out = [item for item in items if not item["availableOnline"]]

    assert {"salePrice" in item for item in sold_out} == {True, False}
    assert all(item["stock"] == "Not available" for item in sold_out)
