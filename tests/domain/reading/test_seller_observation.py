"""Payloads of the seller side, form by form."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from walmart_stream.domain.errors import BadInput, BadNumber, UnsupportedSource, WrongShape
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading import Observation, decode, encode
from walmart_stream.domain.reading.seller_observation import BoxSight, OwnSight, Sight

ITEM: dict[str, Any] = {
    "mart": "WALMART_US",
    "sku": "KET-1/7",
    "productName": "Kettle &amp; lid",
    "shelf": '["Home Page","Kettles"]',
    "price": {"currency": "USD", "amount": 24.97},
    "publishedStatus": "PUBLISHED",
    "lifecycleStatus": "ACTIVE",
}
ROW = {
    "SKU": "KET-1/7",
    "Item ID": "123",
    "Product Name": "Kettle",
    "Seller Item Price": "24.97",
    "Seller Ship Price": "0.00",
    "isSellerBuyBoxWinner": "No",
    "BuyBox Item Price": "23.49",
    "BuyBox Ship Price": "",
}
OWN = {
    "sellerName": "My Shop",
    "partnerId": "10001",
    "sellerOfferPrice": 24.97,
    "sellerShippingPrice": 0,
    "isSuppressed": False,
}
ACME = {"sellerName": "Acme LLC", "sellerOfferPrice": 23.49, "isSuppressed": False}


def read(payload: object, source: str = "seller") -> Observation:
    value = encode(
        source=source,
        item_id="123",
        observed_at=1000,
        request_id="r",
        payload=orjson.dumps(payload),
    )
    return decode(b"123", value)


def sight(payload: object, source: str = "seller") -> Sight:
    found = read(payload, source).sight
    assert found is not None
    return found


def row(**cells: str | None) -> Sight:
    """The reading of ROW with other *cells*, ``None``: without that column."""
    columns = {name.replace("_", " "): cell for name, cell in cells.items()}
    merged = {**ROW, **columns}
    return sight({"report": "BUYBOX", "row": {k: v for k, v in merged.items() if v is not None}})


def event(kind: str = "BUY_BOX_CHANGED", **payload: Any) -> Observation:
    source = {"eventType": kind, "eventTime": "2026-11-22T18:00:00Z", "eventId": "e-1"}
    return read({"source": source, "payload": {"partnerId": "10001", **payload}}, "webhook")


def box_changed(total: object = 2, **offer: Any) -> Observation:
    about = {"currentOffer": OWN, "winningOffer": ACME, "offers": [ACME, OWN], **offer}
    info = {"itemId": "123", "itemName": "Kettle", "totalNumberOfOffers": total}
    given = {name: value for name, value in about.items() if value is not None}
    return event(itemInfo=info, offer=given)


# -- items -------------------------------------------------------------------------------------


def test_an_item_tells_price_and_publication_of_own_and_no_more() -> None:
    """It cannot see shipping, the seller's name, or who holds the buy box."""
    look = read(ITEM)

    assert (look.name, look.offers) == ("Kettle & lid", {})
    assert look.sight == Sight("Kettle & lid", OwnSight(True, 2497, UNSET, sku="KET-1/7"), None)


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        ({"publishedStatus": "UNPUBLISHED"}, False),
        ({"publishedStatus": "READY_TO_PUBLISH"}, False),
        ({"publishedStatus": None}, False),
        ({"lifecycleStatus": "RETIRED"}, False),
        ({"lifecycleStatus": "ARCHIVED"}, False),
        ({"lifecycleStatus": None}, True),
    ],
)
def test_own_is_offered_if_it_is_published_and_active(
    changes: dict[str, Any], published: bool
) -> None:
    """An item without a lifecycle is active."""
    own = sight({**ITEM, **changes}).own

    assert own is not None
    assert own.published is published


@pytest.mark.parametrize(
    ("price", "cents"),
    [
        (None, None),
        ({"currency": "USD"}, None),
        ({"amount": "24.97"}, 2497),
        ({"currency": "USD", "amount": 0.125}, 12),
        ({"currency": "USD", "amount": 0.135}, 14),
    ],
)
def test_an_items_price_is_rounded_from_its_text(price: object, cents: int | None) -> None:
    """Half-even, also where a double would have to be guessed at; none is set if it is missing."""
    own = sight({**ITEM, "price": price}).own

    assert own is not None
    assert own.price_cents == cents


def test_a_price_of_another_currency_is_refused() -> None:
    """Cents of two currencies must not mix."""
    with pytest.raises(BadNumber, match="currency"):
        read({**ITEM, "price": {"currency": "CAD", "amount": 5}})


# -- rows of the report -------------------------------------------------------------------------


def test_a_row_tells_price_and_shipping_of_own_and_whether_it_wins() -> None:
    """It names no other holder, nor whether own is published."""
    own = OwnSight(UNSET, 2497, 0, sku="KET-1/7")
    assert row() == Sight("Kettle", own, BoxSight("rival", of_sku=True))
    won = row(isSellerBuyBoxWinner="Yes")
    assert won.box == BoxSight("own", None, False, of_sku=True)


def test_the_headers_of_a_report_may_be_spelt_in_any_way() -> None:
    """Case, blanks and underscores drift from file to file; so do the spellings of yes and no."""
    spelt = {
        "Sku": "KET-1/7",
        "Item Id": "123.0",
        "product_name": "Kettle",
        "sellerItemPrice": "$1,024.97",
        "SELLER SHIP PRICE": "0",
        "IsSellerBuyBoxWinner": "true",
    }

    read_row = sight({"report": "BUYBOX", "row": spelt})

    assert read_row.own == OwnSight(UNSET, 102497, 0, sku="KET-1/7")
    assert read_row.box == BoxSight("own", None, False, of_sku=True)


def test_an_empty_cell_is_unknown_and_a_missing_column_is_unseen() -> None:
    """Fields out of sight are carried over; those in sight and empty are unknown."""
    empty = row(Seller_Ship_Price="", BuyBox_Item_Price="n/a")
    missing = row(Seller_Ship_Price=None, BuyBox_Item_Price=None, isSellerBuyBoxWinner=None)

    assert empty.own is not None
    assert missing.own is not None
    assert (empty.own.shipping_cents, missing.own.shipping_cents) == (None, UNSET)
    assert empty.box == BoxSight("none", of_sku=True)
    assert missing.box is None


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({"report": "BUYBOX"}, WrongShape),
        ({"report": "BUYBOX", "row": []}, WrongShape),
        ({"report": "BUYBOX", "row": {**ROW, "Item ID": "124"}}, WrongShape),
        ({"report": "BUYBOX", "row": {**ROW, "Seller Item Price": "cheap"}}, BadNumber),
        ({"report": "BUYBOX", "row": {**ROW, "Seller Item Price": "1,2,3.00"}}, BadNumber),
        ({"report": "BUYBOX", "row": {**ROW, "Seller Item Price": "-24.97"}}, BadNumber),
        ({"report": "ITEM", "row": ROW}, UnsupportedSource),
        ({"itemId": 123, "salePrice": 5}, UnsupportedSource),
        ({**ITEM, "source": {}}, UnsupportedSource),
        ({**ITEM, "price": [5]}, WrongShape),
        ({**ITEM, "price": -5}, BadNumber),
        ({**ITEM, "publishedStatus": 5}, WrongShape),
    ],
)
def test_what_is_none_of_the_forms_is_bad_input(payload: object, fault: type[BadInput]) -> None:
    """It becomes a dead letter with its class."""
    with pytest.raises(BadInput) as caught:
        read(payload)

    assert type(caught.value) is fault


# -- events -------------------------------------------------------------------------------------


def test_a_changed_buy_box_speaks_for_own_rivals_and_the_holder() -> None:
    """Rivals are named by their sellers; a list with everybody in it is complete."""
    look = box_changed()

    assert look.offers == {"rival:Acme LLC": Offer(2349, None, None, True, "Acme LLC")}
    assert look.sight is not None
    assert replace(look.sight, compared=None) == Sight(
        "Kettle",
        OwnSight(True, 2497, 0, "My Shop"),
        BoxSight("rival", "Acme LLC", False),
        True,
    )


@pytest.mark.parametrize(
    ("total", "complete"), [(1, True), ("2", True), (3, False), (None, False), ("many", False)]
)
def test_a_list_is_complete_if_it_has_as_many_offers_as_there_are(
    total: object, complete: bool
) -> None:
    """Walmart lists five at most; without the number nobody can tell."""
    found = box_changed(total).sight

    assert found is not None
    assert found.complete is complete


def test_the_winner_is_a_rival_even_if_it_is_not_listed() -> None:
    """And own, by its name or the seller's number, is none."""
    look = box_changed(offers=[OWN, {**OWN, "partnerId": None}])
    own_wins = box_changed(winningOffer={**OWN, "sellerName": None})

    assert list(look.offers) == ["rival:Acme LLC"]
    assert own_wins.sight is not None
    assert own_wins.sight.box == BoxSight("own", None, False)


def test_own_that_is_not_in_a_buy_box_event_cannot_be_ordered() -> None:
    """The event could have named it."""
    gone = box_changed(currentOffer=None, offers=[ACME]).sight
    listed_only = box_changed(currentOffer=None).sight

    assert gone is not None
    assert listed_only is not None
    assert gone.own == OwnSight(published=False)
    assert listed_only.own == OwnSight(True, 2497, 0, "My Shop")


def test_a_suppressed_box_has_no_holder() -> None:
    """Without a winner, or with one that is suppressed; own may be suppressed by itself."""
    hidden = {**OWN, "isSuppressed": True}
    nobody = box_changed(winningOffer=None, currentOffer=hidden).sight
    suppressed_winner = box_changed(winningOffer={**ACME, "isSuppressed": True}).sight
    own_only = box_changed(currentOffer=hidden).sight
    sold_out = box_changed(winningOffer=None).sight

    boxes = [found.box for found in (nobody, suppressed_winner, own_only, sold_out) if found]
    assert boxes == [
        BoxSight("none", None, True),
        BoxSight("none", None, True),
        BoxSight("rival", "Acme LLC", True),
        BoxSight("none", None, False),
    ]


def test_rivals_without_a_price_are_gone_and_those_of_another_condition_are_none() -> None:
    """A used kettle does not compete with a new one."""
    used = {"sellerName": "Old & Co", "sellerOfferPrice": 5, "itemConditionName": "Used"}
    broken = {"sellerName": "Broke"}
    info = {"itemCondition": "New", "totalNumberOfOffers": 3}

    look = event(itemInfo=info, offer={"currentOffer": OWN, "offers": [OWN, used, broken]})

    assert look.offers == {"rival:Broke": None}


def test_publications_speak_for_what_they_carry() -> None:
    """Always for being published; for price and shipping where they are in them."""
    bare = event("OFFER_PUBLISHED", sku="K", publishStatus="PUBLISHED").sight
    retired = event("OFFER_PUBLISHED", sku="K", lifecycleStatus="RETIRED").sight
    full = event(
        "OFFER_UNPUBLISHED",
        sku="K",
        itemId="123",
        sellerOfferPrice={"currency": "USD", "amount": 99.5},
        sellerShippingPrice=0,
    ).sight

    assert [found.own for found in (bare, retired, full) if found] == [
        OwnSight(True, sku="K"),
        OwnSight(False, sku="K"),
        OwnSight(False, 9950, 0, sku="K"),
    ]


@pytest.mark.parametrize(
    ("named", "cents", "odd"),
    [
        (79.99, 7999, ()),
        ("79.99", 7999, ()),
        ({"currency": "USD", "amount": 80}, 8000, ()),
        (None, None, ()),
        ("", None, ()),
        (0, None, ()),
        ("much", None, ("referencePrice",)),
        (-1, None, ("referencePrice",)),
    ],
)
def test_the_reference_price_of_an_unpublished_offer(
    named: object, cents: object, odd: object
) -> None:
    """One that cannot be read costs that field only."""
    sight = event("OFFER_UNPUBLISHED", sku="K", referencePrice=named).sight

    assert sight is not None
    assert sight.own == OwnSight(False, sku="K", reference_cents=cents)
    assert sight.odd == odd


@pytest.mark.parametrize("kind", ["INVENTORY_OOS", "PO_CREATED", "SOMETHING_NEW"])
def test_other_events_say_nothing(kind: str) -> None:
    """They are kept in the raw topic, and are not an error."""
    look = event(kind, sku="K")

    assert look.offers == {}
    assert look.sight is not None
    assert look.sight.is_silent


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({"itemId": 123}, UnsupportedSource),
        ({"source": {}, "payload": {}}, UnsupportedSource),
        ({"source": {"eventType": "BUY_BOX_CHANGED"}}, WrongShape),
        (
            {"source": {"eventType": "OFFER_PUBLISHED"}, "payload": {"itemId": "124"}},
            WrongShape,
        ),
        (
            {
                "source": {"eventType": "BUY_BOX_CHANGED"},
                "payload": {"offer": {"offers": [ACME] * 101}},
            },
            WrongShape,
        ),
        (
            {
                "source": {"eventType": "BUY_BOX_CHANGED"},
                "payload": {"itemInfo": {"itemId": 5}},
            },
            WrongShape,
        ),
    ],
)
def test_what_is_no_event_is_bad_input(payload: object, fault: type[BadInput]) -> None:
    """It becomes a dead letter with its class."""
    with pytest.raises(BadInput) as caught:
        read(payload, "webhook")

    assert type(caught.value) is fault


# -- one odd field -------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", ["", "n/a", "-", None])
def test_an_empty_shipping_price_of_an_event_is_unknown(amount: object) -> None:
    """The offer is unpublished whatever its shipping is."""
    bare = event("OFFER_UNPUBLISHED", sku="K", sellerShippingPrice=amount).sight
    changed = box_changed(currentOffer={**OWN, "sellerShippingPrice": amount}).sight

    assert bare is not None
    assert changed is not None
    shipping = UNSET if amount is None else None
    assert bare == Sight(own=OwnSight(False, shipping_cents=shipping, sku="K"))
    assert changed.own == OwnSight(True, 2497, None, "My Shop")


@pytest.mark.parametrize("odd", ["soon", "1,2,3.00", -1, [5], {"currency": "CAD", "amount": 5}])
def test_an_odd_shipping_price_is_unknown_and_counted(odd: object) -> None:
    """It is no price, and the rest of the event, row or offer is as certain as ever."""
    bare = event("OFFER_UNPUBLISHED", sku="K", sellerShippingPrice=odd).sight
    changed = box_changed(offers=[{**ACME, "sellerShippingPrice": odd}, OWN])

    assert bare == Sight(
        own=OwnSight(False, shipping_cents=None, sku="K"), odd=("sellerShippingPrice",)
    )
    assert changed.offers == {"rival:Acme LLC": Offer(2349, None, None, True, "Acme LLC")}
    assert changed.sight is not None
    assert changed.sight.odd == ("offer.sellerShippingPrice",)
    if isinstance(odd, str):
        cells = row(Seller_Ship_Price=odd)
        assert cells.own == OwnSight(UNSET, 2497, None, sku="KET-1/7")
        assert cells.odd == ("sellershipprice",)


@pytest.mark.parametrize("free", ["FREE", "free", "Free Shipping", "$0", "0.00"])
def test_free_shipping_is_zero_in_rows_and_events(free: str) -> None:
    """It is known, and nothing is odd about it."""
    cells = row(Seller_Ship_Price=free)
    bare = event("OFFER_PUBLISHED", sku="K", sellerShippingPrice=free).sight

    assert (cells.own, cells.odd) == (OwnSight(UNSET, 2497, 0, sku="KET-1/7"), ())
    assert bare == Sight(own=OwnSight(True, shipping_cents=0, sku="K"))


@pytest.mark.parametrize("item_id", ["123.0", "123.00", '="123"', "'123", " 123 ", "123"])
def test_an_item_id_of_a_row_is_read_as_the_reader_of_reports_reads_it(item_id: str) -> None:
    """A row that the report reader takes must not be a dead letter one step later."""
    assert row(Item_ID=item_id) == row()


@pytest.mark.parametrize("blank", ["", " ", None, []])
def test_a_blank_field_of_an_event_says_nothing(blank: object) -> None:
    """As if it were not there: an unpublishing is not missed for it, and none is read out of it."""
    bare = event("OFFER_UNPUBLISHED", itemId=blank, sku="K").sight
    published = event("OFFER_PUBLISHED", sku="K", lifecycleStatus=blank or "").sight
    listed = event(
        itemInfo={"itemId": "123"},
        offer={"currentOffer": OWN, "winningOffer": ACME, "offers": blank},
    )

    assert bare == Sight(own=OwnSight(False, sku="K"))
    assert published == Sight(own=OwnSight(True, sku="K"))
    assert listed.offers.keys() == {"rival:Acme LLC"}


@pytest.mark.parametrize("odd", ["x", None, 5, ["x"]])
def test_an_odd_offer_of_a_list_costs_the_others_nothing(odd: object) -> None:
    """But the list is not complete: nobody is gone for not being in it."""
    look = box_changed(total=2, offers=[odd, ACME])

    assert look.sight is not None
    assert look.offers.keys() == {"rival:Acme LLC"}
    assert (look.sight.complete, look.sight.odd) == (False, ("offer.offers",))


@pytest.mark.parametrize("odd", [{}, ["x"], True])
def test_an_odd_cell_of_a_row_costs_nothing_else(odd: Any) -> None:
    """In a column that is read or in one that is not."""
    own = OwnSight(UNSET, 2497, 0, sku="KET-1/7")

    assert row(Product_Name=odd, Extra=odd) == Sight(
        None, own, BoxSight("rival", of_sku=True), odd=("productname", "extra")
    )


@pytest.mark.parametrize("word", ["published", "Published", " PUBLISHED "])
def test_the_case_of_a_status_is_no_unpublishing(word: str) -> None:
    """Nor that of a currency, nor a life cycle that is left blank."""
    price = {"currency": "usd", "amount": 24.97}
    changed = {**ITEM, "publishedStatus": word, "lifecycleStatus": "", "price": price}

    assert sight(changed) == sight(ITEM)


@pytest.mark.parametrize("odd", ["Not Eligible", "maybe", "2"])
def test_an_odd_winner_leaves_the_box_unknown_and_the_prices_certain(odd: str) -> None:
    """The box stays as it was last said to be."""
    cells = row(isSellerBuyBoxWinner=odd)

    own = OwnSight(UNSET, 2497, 0, sku="KET-1/7")
    assert cells == Sight("Kettle", own, None, odd=("issellerbuyboxwinner",))


def test_a_price_of_the_box_that_cannot_be_read_is_a_price() -> None:
    """Somebody holds it; only a blank one says that nobody does, and 0 is no price."""
    assert row(BuyBox_Item_Price="cheap").box == BoxSight("rival", of_sku=True)
    assert row(BuyBox_Item_Price="0.00").box == BoxSight("none", of_sku=True)


@pytest.mark.parametrize("odd", ["", "cheap", "1,2,3.00", [5]])
def test_an_odd_price_in_an_event_costs_nothing_else(odd: object) -> None:
    """Its publication, rivals and box count; own's price stays as it was."""
    bare = event("OFFER_UNPUBLISHED", sku="K", sellerOfferPrice=odd).sight
    changed = box_changed(currentOffer={**OWN, "sellerOfferPrice": odd}).sight

    assert bare is not None
    assert bare.own is not None
    assert changed is not None
    assert changed.own is not None
    assert (bare.own.published, changed.own.published) == (False, True)
    price = None if odd == "" else UNSET
    assert (bare.own.price_cents, changed.own.price_cents) == (price, price)
    assert changed.box == BoxSight("rival", "Acme LLC", False)


@pytest.mark.parametrize("odd", ["cheap", "1,2,3.00", [5]])
def test_a_rival_whose_price_cannot_be_read_is_not_gone(odd: object) -> None:
    """It is there, for a price that nobody knows; so the list is not complete."""
    look = box_changed(offers=[{**ACME, "sellerOfferPrice": odd}, OWN], winningOffer=OWN)

    assert look.offers == {}
    assert look.sight is not None
    assert look.sight.complete is False
    assert look.sight.odd == ("offer.sellerOfferPrice",)


@pytest.mark.parametrize("field", ["productName", "condition"])
def test_an_odd_name_or_condition_of_an_item_is_unknown(field: str) -> None:
    """The price and the status are what the item is read for."""
    found = sight({**ITEM, field: 5})

    assert found.own == OwnSight(True, 2497, sku="KET-1/7")
    assert found.odd == (field,)


def test_a_price_of_zero_is_no_price_on_the_seller_side() -> None:
    """Not of an item, a row or an event; shipping of zero is free."""
    item = sight({**ITEM, "price": {"currency": "USD", "amount": 0}}).own
    cells = row(Seller_Item_Price="0.00", Seller_Ship_Price="0.00").own
    zero = {"sellerOfferPrice": 0, "sellerShippingPrice": 0}
    free = {**ACME, **zero}
    look = box_changed(currentOffer={**OWN, **zero}, offers=[free], winningOffer=free)
    bare = event("OFFER_PUBLISHED", sku="K", **zero).sight

    assert item is not None
    assert item.price_cents is None
    assert cells == OwnSight(UNSET, None, 0, sku="KET-1/7")
    assert look.offers["rival:Acme LLC"] is None
    assert look.sight is not None
    assert look.sight.own == OwnSight(True, None, 0, "My Shop")
    assert bare == Sight(own=OwnSight(True, None, 0, sku="K"))


@pytest.mark.parametrize("sku", ["NA", "null", "None", "-", "n/a"])
def test_a_sku_that_reads_like_nothing_is_a_sku(sku: str) -> None:
    """Words for nothing belong to amounts and flags; blanks around a SKU belong to the file."""
    found = row(SKU=f" {sku} ").own

    assert found is not None
    assert found.sku == sku


# -- anything -----------------------------------------------------------------------------------

texts = st.sampled_from(
    ["BUYBOX", "123", "5.00", "PUBLISHED", "x", "", "OFFER_PUBLISHED", "BUY_BOX_CHANGED", "0.125"]
)
KEYS = [
    "report",
    "row",
    "sku",
    "price",
    "amount",
    "currency",
    "publishedStatus",
    "lifecycleStatus",
    "productName",
    "source",
    "payload",
    "eventType",
    "itemInfo",
    "itemId",
    "offer",
    "offers",
    "currentOffer",
    "winningOffer",
    "sellerName",
    "partnerId",
    "sellerOfferPrice",
    "sellerShippingPrice",
    "isSuppressed",
    "totalNumberOfOffers",
    "itemName",
]
json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-(2**60), 2**60), st.sampled_from([0.125, 1.5]), texts
    ),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.dictionaries(st.sampled_from(KEYS), children, max_size=5),
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(KEYS), json_values, max_size=6)
events = st.builds(
    lambda kind, payload: {"source": {"eventType": kind}, "payload": payload}, texts, objects
)
rows = st.builds(
    lambda cells: {"report": "BUYBOX", "row": {**ROW, **cells}},
    st.dictionaries(st.sampled_from(list(ROW)), json_values, max_size=3),
)


@given(st.one_of(objects, events, rows), st.sampled_from(["seller", "webhook"]))
@settings(max_examples=500)
def test_any_payload_is_read_or_refused(payload: dict[str, Any], source: str) -> None:
    """No payload ends in anything but an observation or a BadInput."""
    try:
        look = read(payload, source)
    except BadInput:
        return

    assert look.sight is not None
    assert all(name.startswith("rival:") for name in look.offers)
