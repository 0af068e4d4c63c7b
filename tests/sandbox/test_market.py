"""The market: repeatable, moving, and mostly by a few busy items."""

from __future__ import annotations

import pytest

from walmart_stream.sandbox.market.catalogue import generate_catalogue
from walmart_stream.sandbox.market.market import Market

MINUTE_AT_SPEED_1000 = 60_000.0


@pytest.fixture(scope="module")
def products():
    return generate_catalogue(1_000, seed=7).products


def test_a_listing_depends_on_seed_and_time_only(products):
    """Asking often, seldom, or for other items first leads to the same listings."""
    often, seldom = Market(products, seed=7), Market(reversed(products), seed=7)

    for step in range(1, 51):
        for product in products[::3]:
            often.listing(product.item_id, MINUTE_AT_SPEED_1000 * step / 50)

    for product in products:
        at_once = seldom.listing(product.item_id, MINUTE_AT_SPEED_1000)
        assert often.listing(product.item_id, MINUTE_AT_SPEED_1000) == at_once


def test_another_seed_makes_another_market(products):
    """Seeds differ from the first listing on."""
    one, two = Market(products, seed=1), Market(products, seed=2)

    differing = [p for p in products if one.listing(p.item_id, 0) != two.listing(p.item_id, 0)]

    assert len(differing) > len(products) / 2


def test_rates_of_change_have_a_heavy_tail(products):
    """In a minute at speed 1000 a few items change every few seconds, most not at all or once."""
    market = Market(products, seed=7)

    changes = sorted(market.changes(p.item_id, MINUTE_AT_SPEED_1000) for p in products)

    assert sum(changes) > 2_000
    assert changes[-10] >= 20
    assert changes[len(changes) // 2] <= 1
    assert sum(changes[-100:]) > sum(changes) / 2


def test_everything_about_an_offer_moves(products):
    """Price, shipping, availability and seller of the featured offer, and the rival's coming."""
    market = Market(products, seed=7)

    before = [market.listing(p.item_id, 0) for p in products]
    after = [market.listing(p.item_id, 10 * MINUTE_AT_SPEED_1000) for p in products]

    for field in ("price_cents", "shipping_cents", "available", "seller"):
        pairs = zip(before, after, strict=True)
        assert any(getattr(a.featured, field) != getattr(b.featured, field) for a, b in pairs)
    rivals = [listing.marketplace is not None for listing in before]
    later = [listing.marketplace is not None for listing in after]
    assert {(True, False), (False, True)} <= set(zip(rivals, later, strict=True))


def test_prices_stay_believable_for_ever(products):
    """After a year of market time every price is a positive number of cents near its usual one."""
    market = Market(products[:100], seed=7)

    for product in products[:100]:
        featured = market.listing(product.item_id, 365 * 86_400.0).featured
        if featured.price_cents is not None:
            assert isinstance(featured.price_cents, int)
            assert (
                product.base_cents / 2 < featured.price_cents + 100 < product.base_cents * 2 + 200
            )


def test_time_does_not_go_back(products):
    """A clock that steps back shows the latest listing."""
    market = Market(products, seed=7)
    latest = [market.listing(p.item_id, MINUTE_AT_SPEED_1000) for p in products]

    earlier = [market.listing(p.item_id, 0) for p in products]

    assert earlier == latest


def test_the_moments_of_changes_are_those_at_which_the_offers_become_others(products):
    """Between two of them an answer is the same, at each of them it is another."""
    market, again = Market(products[:50], seed=7), Market(products[:50], seed=7)
    end = 30 * 86_400.0

    for product in products[:50]:
        moments = market.moments(product.item_id, end)
        before = again.listing(product.item_id, 0.0).reading()
        for moment in moments:
            assert again.listing(product.item_id, moment - 1e-6).reading() == before
            after = again.listing(product.item_id, moment).reading()
            assert after != before
            before = after
        assert again.listing(product.item_id, end).reading() == before
