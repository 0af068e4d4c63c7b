"""The domain's reading of the sandbox's payloads against what the sandbox meant by them."""

from __future__ import annotations

import csv
import io
from random import Random
from typing import Any

import orjson
import pytest

from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import OWN, Offer
from walmart_stream.domain.reading import Observation, decode, encode
from walmart_stream.domain.standing import item_standing
from walmart_stream.domain.state import ItemState
from walmart_stream.domain.windows import Rules
from walmart_stream.sandbox.market.catalogue import generate_catalogue
from walmart_stream.sandbox.market.market import Market
from walmart_stream.sandbox.seller.buy_box import insight, report_row
from walmart_stream.sandbox.seller.config import SellerConfig
from walmart_stream.sandbox.seller.events import Events
from walmart_stream.sandbox.seller.item_json import own_item_json, said_of
from walmart_stream.sandbox.seller.offers import choose_items
from walmart_stream.sandbox.seller.pace import Pace
from walmart_stream.sandbox.seller.report_file import Columns, csv_text
from walmart_stream.sandbox.seller.shop import Shop

RULES = Rules(3_600_000, 10_800_000)
START = 1_795_370_400
SELLER = "Own & Sons"


def shop() -> Shop:
    catalogue = generate_catalogue(120, 7)
    return Shop(Market(catalogue.products, 7), choose_items(catalogue, 80, 7), SELLER)


def look(item_id: int, at: float, source: str, payload: Any) -> Observation:
    value = encode(
        source=source,
        item_id=str(item_id),
        observed_at=int((START + at) * 1000),
        request_id="r",
        payload=orjson.dumps(payload),
    )
    return decode(str(item_id).encode(), value)


def after(state: ItemState | None, seen: Observation) -> ItemState:
    states = {} if state is None else {seen.item_id: state}
    return apply(states, [Entry(seen, Source("raw", 0, 0))], RULES).states[seen.item_id]


def amounts(offer: Offer) -> tuple[int | None, int | None]:
    return offer.price_cents, offer.shipping_cents


MOMENTS = [hour * 3600.0 for hour in range(0, 72, 6)]


def test_events_of_the_buy_box_are_read_as_they_were_meant() -> None:
    """Own, every rival listed, who holds the box; own that cannot be ordered is unavailable."""
    market = shop()
    config = SellerConfig()
    pace = Pace(lambda: float(START), lambda: 0.0, 1.0, Random(1))
    events, held = Events(config, pace, market), set()
    for item in market.items.by_item_id.values():
        state = None
        for at in MOMENTS:
            event = events.make("BUY_BOX_CHANGED", item, at)
            meant = event.reading
            state = after(state, look(item.item_id, at, "webhook", event.document))

            own = state.offers[OWN].offer
            assert own.available is (meant["own"] is not None)
            if meant["own"] is not None:
                assert amounts(own) == (meant["own"]["price_cents"], meant["own"]["shipping_cents"])
                assert own.seller == SELLER
            for listed in meant["offers"]:
                if listed["seller"] != SELLER:
                    rival = state.offers[f"rival:{listed['seller']}"].offer
                    assert amounts(rival) == (listed["price_cents"], listed["shipping_cents"])
            named = {f"rival:{listed['seller']}" for listed in meant["offers"]}
            if len(meant["offers"]) < 5:
                gone = set(state.offers) - named - {OWN}
                assert not any(state.offers[name].offer.available for name in gone)
            standing = item_standing(state, RULES.known_ms)
            assert standing is not None
            told = standing.compared or {"own": None, "winner": None}
            for side, badges in meant["badges"].items():
                found = told[side]
                assert (None if found is None else tuple(found.values())) == badges
            holder = standing.buy_box
            winner = meant["winner"]
            if winner is None:
                assert holder.holder == "none"
            elif meant["winning"]:
                assert holder.holder == "own"
                assert standing.state == "winning"
            else:
                assert (holder.holder, holder.seller) == ("rival", winner["seller"])
            held.add(holder.holder)
    assert {"own", "rival"} <= held


@pytest.mark.parametrize("columns", ["documented", "legacy"])
def test_rows_of_the_report_are_read_as_they_were_meant(columns: Columns) -> None:
    """Price and shipping of own and whether it wins, under either spelling of the headers."""
    market = shop()
    for item in market.items.by_item_id.values():
        said = report_row(market, item, 0.0, columns)
        (row,) = csv.DictReader(io.StringIO(csv_text([said.payload], columns)))
        meant = said.reading

        seen = look(item.item_id, 0, "seller", {"report": "BUYBOX", "row": row})

        assert seen.sight is not None
        assert seen.sight.own is not None
        assert seen.sight.box is not None
        assert seen.sight.own.price_cents == meant["own_price_cents"]
        assert seen.sight.own.shipping_cents == meant["own_shipping_cents"]
        assert (seen.sight.box.holder == "own") is meant["winning"]


def test_insights_are_read_as_they_were_meant() -> None:
    """Suggested price, its signal, the best price elsewhere, win rate; they change no offer."""
    market = shop()
    suggested = set()
    for item in market.items.by_item_id.values():
        said = insight(market, item, 0.0)
        meant = said.reading
        state = after(None, look(item.item_id, 0, "seller", own_item_json(item, 0.0)))
        offers = {name: known.offer for name, known in state.offers.items()}

        state = after(state, look(item.item_id, 1, "seller", {"insight": said.payload}))

        assert {name: known.offer for name, known in state.offers.items()} == offers
        standing = item_standing(state, RULES.known_ms)
        assert standing is not None
        told = standing.insights
        assert told is not None
        assert told["suggested_cents"] == meant["suggested_price_cents"]
        assert told["suggested_by"] == meant["suggested_by"]
        assert told["competitor_cents"] == meant["competitor_price_cents"]
        assert told["box_price_cents"] == meant["buy_box_price_cents"]
        assert told["win_rate_by_views"] == pytest.approx(meant["win_rate"])
        assert told["competitive"] is meant["winning"]
        suggested.add(told["suggested_by"])
    assert len(suggested) > 1


def test_items_and_publications_are_read_as_they_were_meant() -> None:
    """An own offer is available if it is published, active and has a price."""
    market = shop()
    config = SellerConfig()
    pace = Pace(lambda: float(START), lambda: 0.0, 1.0, Random(1))
    events = Events(config, pace, market)
    for item in market.items.by_item_id.values():
        document = own_item_json(item, 0.0)
        meant = said_of(item, document, 0.0).reading
        state = after(None, look(item.item_id, 0, "seller", document))
        own = state.offers[OWN].offer
        is_offered = meant["published"] == "PUBLISHED" and item.lifecycle == "ACTIVE"
        price = meant["own_price_cents"]
        assert own.available is (is_offered and price is not None)
        assert own.price_cents == (price if own.available else None)

        hidden = events.make("OFFER_UNPUBLISHED", item, 1.0)
        state = after(state, look(item.item_id, 1, "webhook", hidden.document))
        assert state.offers[OWN].offer.available is False

        shown = events.make("OFFER_PUBLISHED", item, 2.0)
        state = after(state, look(item.item_id, 2, "webhook", shown.document))
        back = state.offers[OWN].offer
        assert back.available is (item.lifecycle == "ACTIVE" and price is not None)
        if back.available:
            assert amounts(back) == (price, item.shipping_cents)
