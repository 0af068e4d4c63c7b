"""Reads what the seller side says about an item: sources ``seller`` and ``webhook``.

Four forms: an item of ``GET /v3/items``, a row of the buy-box report, one of the pricing insights,
and an event of a webhook. Each sees some fields of the seller's own offer and not others; a field
that it cannot see is :data:`~msgspec.UNSET`, which is not the same as unknown (``None``).

A price that cannot be read is bad input. Any other field that cannot be read is unknown: the rest
of the payload counts, and ``odd`` names the field.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import UNSET, Struct, UnsetType

from walmart_stream.domain.errors import BadInput, UnsupportedSource, WrongShape
from walmart_stream.domain.item_id import item_id_in
from walmart_stream.domain.offers import OWN, RIVAL, Offer
from walmart_stream.domain.reading import seller_values as read
from walmart_stream.domain.reading.amounts import price_cents, shipping_cents
from walmart_stream.domain.reading.box_reasons import (
    Compared,
    Insight,
    compared_of,
    insight_of,
)
from walmart_stream.domain.reading.texts import MAX_NAME, MAX_SELLER, text_of
from walmart_stream.domain.sellers import same_seller, tidy

SOMEBODY = "rival"
NOBODY = "none"

BUYBOX = "BUYBOX"
BUY_BOX_CHANGED = "BUY_BOX_CHANGED"
OFFER_PUBLISHED = "OFFER_PUBLISHED"
OFFER_UNPUBLISHED = "OFFER_UNPUBLISHED"

# Walmart lists five. Each makes an offer that is kept, so a payload must not list any number.
MOST_OFFERS = 100

# Characters of a SKU (Walmart allows 50) and of a condition that are kept.
MAX_SKU = 200
MAX_CONDITION = 50

T = TypeVar("T")
D = TypeVar("D")


class OwnSight(Struct, frozen=True, gc=False):
    """One SKU's own offer as a source says it; ``UNSET`` fields are out of its sight.

    ``seller``, ``sku`` and ``condition`` are ``None`` where the payload does not name them.
    ``reference_cents`` is the price that Walmart compares the offer with, ``None`` if it says none.
    """

    published: bool | UnsetType = UNSET
    price_cents: int | UnsetType | None = UNSET
    shipping_cents: int | UnsetType | None = UNSET
    seller: str | None = None
    sku: str | None = None
    condition: str | None = None
    reference_cents: int | None = None


class BoxSight(Struct, frozen=True, gc=False):
    """The holder of the buy box: ``own``, ``rival`` (*seller*, where named) or ``none``.

    ``of_sku``: the word is about the SKU that was seen, and another SKU of the seller's may hold
    the box that this one does not.
    """

    holder: str
    seller: str | None = None
    suppressed: bool | UnsetType = UNSET
    of_sku: bool = False


class Sight(Struct, frozen=True, gc=False):
    """The content of one payload besides the rivals' offers.

    ``complete``: the rivals that it names are all that there are. ``odd`` names the fields that
    could not be read. ``insight`` is Walmart's view of the SKU ``insight_of``, ``compared`` the
    badges of offers; neither speaks for any offer.
    """

    name: str | None = None
    own: OwnSight | None = None
    box: BoxSight | None = None
    complete: bool = False
    odd: tuple[str, ...] = ()
    insight: Insight | None = None
    insight_of: str | None = None
    compared: Compared | None = None

    @property
    def is_silent(self) -> bool:
        """Whether it speaks for nothing: events that are about something else."""
        return self.own is None and self.box is None and self.insight is None


def seller_sight(payload: Mapping[str, Any], item_id: str) -> Sight:
    """The content of a payload of source ``seller``.

    Raises:
        BadInput: it is of no known form, or its price or status cannot be read.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    if "report" in payload:
        return _report_row(payload, item_id)
    if "insight" in payload:
        sku, insight, odd = insight_of(payload["insight"])
        return Sight(odd=odd, insight=insight, insight_of=sku)
    if "sku" in payload and "source" not in payload:
        return _own_item(payload)
    raise UnsupportedSource("payload: neither an item nor a row of a report or of insights")


def webhook_sight(
    payload: Mapping[str, Any], item_id: str
) -> tuple[Sight, dict[str, Offer | None]]:
    """The content of an event, and the offers of rivals in it; of other events nothing.

    Raises:
        BadInput: it is no event, or not one about this item.
        Doubtful: see :func:`walmart_stream.domain.reading.amounts.cents`.
    """
    source = payload.get("source")
    kind = source.get("eventType") if isinstance(source, dict) else None
    if not isinstance(kind, str):
        raise UnsupportedSource("payload: no event, which has a source.eventType")
    event = payload.get("payload")
    if not isinstance(event, dict):
        raise WrongShape("payload.payload: must be an object")
    if kind == BUY_BOX_CHANGED:
        return _buy_box_changed(event, item_id)
    if kind in (OFFER_PUBLISHED, OFFER_UNPUBLISHED):
        return _publication(event, item_id, kind == OFFER_PUBLISHED), {}
    return Sight(), {}


class _Fields:
    """Reads the fields of a payload, and notes in ``odd`` those that cannot be read."""

    def __init__(self) -> None:
        self.odd: list[str] = []

    def tried(self, field: str, read: Callable[[], T], otherwise: D) -> T | D:
        """The result of *read*; *otherwise* where the field cannot be read."""
        try:
            return read()
        except BadInput:
            self.odd.append(field)
            return otherwise

    def text(self, of: Mapping[str, Any], name: str, longest: int, prefix: str = "") -> str | None:
        value = of.get(name)
        if value is None:
            return None
        return self.tried(prefix + name, lambda: text_of(value, name, longest), None)

    def shipping(self, value: object, field: str) -> int | None:
        return self.tried(field, lambda: _shipping(value, field), None)

    def price(self, value: object, field: str, otherwise: D) -> int | D | None:
        return self.tried(field, lambda: _price(value, field), otherwise)

    def object(self, of: Mapping[str, Any], name: str) -> dict[str, Any] | None:
        value = of.get(name)
        if _is_blank(value):
            return None
        if not isinstance(value, dict):
            raise WrongShape(f"{name}: must be an object")
        return value


def _own_item(item: Mapping[str, Any]) -> Sight:
    fields = _Fields()
    name = fields.text(item, "productName", MAX_NAME)
    published = _word(item, "publishedStatus") == "PUBLISHED" and _is_active(item)
    own = OwnSight(
        published,
        _price(item.get("price"), "price"),
        sku=_sku(item.get("sku")),
        condition=fields.text(item, "condition", MAX_CONDITION),
    )
    return Sight(name, own, odd=tuple(fields.odd))


def _report_row(payload: Mapping[str, Any], item_id: str) -> Sight:
    if payload["report"] != BUYBOX:
        raise UnsupportedSource("payload.report: must be BUYBOX")
    cells = payload.get("row")
    if not isinstance(cells, dict):
        raise WrongShape("payload.row: must be an object")
    fields = _Fields()
    columns: set[str] = set()
    row: dict[str, str] = {}
    sku = None
    for header, value in cells.items():
        column = read.spelling(header)
        columns.add(column)
        cell = read.text(value)
        if cell is None and not (value is None or isinstance(value, str)):
            fields.odd.append(column)
        if column == "sku":
            # As it stands: "NA" may be one.
            sku = sku or _sku(cell)
        elif cell is not None and not read.is_nothing(cell):
            row.setdefault(column, cell)
    # By the reader of the report, which wrote it into the envelope.
    _check_item_id(item_id_in(row.get("itemid", item_id)), item_id, "row")
    own = OwnSight(
        price_cents=_price(row.get("selleritemprice"), "payload.row: selleritemprice")
        if "selleritemprice" in columns
        else UNSET,
        shipping_cents=fields.shipping(row.get("sellershipprice"), "sellershipprice")
        if "sellershipprice" in columns
        else UNSET,
        sku=sku,
    )
    box = _box_of_row(row, fields)
    return Sight(fields.text(row, "productname", MAX_NAME), own, box, odd=tuple(fields.odd))


def _box_of_row(row: Mapping[str, str], fields: _Fields) -> BoxSight | None:
    """The holder of the box by a row, which says of own only whether it holds it."""
    said = row.get("issellerbuyboxwinner")
    wins = read.flag(said)
    # A price that cannot be read is a price: somebody holds the box.
    price = fields.price(row.get("buyboxitemprice"), "buyboxitemprice", UNSET)
    if wins is None:
        if said is not None:
            fields.odd.append("issellerbuyboxwinner")
        return None
    if wins:
        return BoxSight(OWN, suppressed=False, of_sku=True)
    # A price of the box that is left blank: there is no winner.
    return BoxSight(NOBODY if price is None else SOMEBODY, of_sku=True)


def _publication(event: Mapping[str, Any], item_id: str, published: bool) -> Sight:
    _check_item_id(event.get("itemId"), item_id, "payload")
    fields = _Fields()
    if published:
        status = fields.tried("publishStatus", lambda: _word(event, "publishStatus"), None)
        active = fields.tried("lifecycleStatus", lambda: _is_active(event), True)
        published = status in (None, "PUBLISHED") and active
    price, shipping = event.get("sellerOfferPrice"), event.get("sellerShippingPrice")
    reference = fields.price(event.get("referencePrice"), "referencePrice", 0)
    own = OwnSight(
        published,
        # The event is about being published; a price comes with some of them only, and without
        # one the last one known goes on.
        UNSET if price is None else fields.price(price, "sellerOfferPrice", UNSET),
        UNSET if shipping is None else fields.shipping(shipping, "sellerShippingPrice"),
        fields.text(event, "sellerName", MAX_SELLER),
        _sku(event.get("sku")),
        # 0 is a price that nothing can be held against.
        reference_cents=reference or None,
    )
    return Sight(fields.text(event, "itemName", MAX_NAME), own, odd=tuple(fields.odd))


def _buy_box_changed(
    event: Mapping[str, Any], item_id: str
) -> tuple[Sight, dict[str, Offer | None]]:
    fields = _Fields()
    if event.get("offer") is not None and not isinstance(event["offer"], dict):
        # Without it, own could not be ordered: too much to read out of something odd.
        raise WrongShape("offer: must be an object")
    info, about = fields.object(event, "itemInfo") or {}, fields.object(event, "offer") or {}
    _check_item_id(info.get("itemId"), item_id, "itemInfo")
    partner = event.get("partnerId")
    current, winning = fields.object(about, "currentOffer"), fields.object(about, "winningOffer")
    offers = [] if _is_blank(about.get("offers")) else about.get("offers")
    if not isinstance(offers, list) or len(offers) > MOST_OFFERS:
        raise WrongShape(f"offer.offers: must be a list of at most {MOST_OFFERS}")
    listed = [one for one in offers if isinstance(one, dict)]
    # Whatever the others are, the list is not complete.
    unread = len(offers) - len(listed)
    if unread:
        fields.odd.append("offer.offers")
    if current is None:
        current = next((one for one in listed if _is_partner(one, partner)), None)
    seller = None if current is None else fields.text(current, "sellerName", MAX_SELLER)
    condition = fields.text(info, "itemCondition", MAX_CONDITION)
    if condition is None and current is not None:
        condition = fields.text(current, "itemConditionName", MAX_CONDITION)
    rivals: dict[str, Offer | None] = {}
    suppressed = False
    for one in [*([] if winning is None else [winning]), *listed]:
        name = fields.text(one, "sellerName", MAX_SELLER, "offer.")
        suppressed = suppressed or _is_suppressed(one)
        other = fields.text(one, "itemConditionName", MAX_CONDITION, "offer.")
        if condition is not None and other is not None and other.lower() != condition.lower():
            continue  # rivals are those who sell the same thing
        if name is None or same_seller(name, seller) or _is_partner(one, partner):
            continue
        try:
            price = _price(one.get("sellerOfferPrice"), "sellerOfferPrice")
        except BadInput:
            # It has one, so it is not gone; and as it is not read, the list is not complete.
            fields.odd.append("offer.sellerOfferPrice")
            unread += 1
            continue
        shipping = fields.shipping(one.get("sellerShippingPrice"), "offer.sellerShippingPrice")
        offer = None if price is None else Offer(price, shipping, None, True, name)
        rivals.setdefault(RIVAL + tidy(name), offer)
    box: BoxSight | None
    if winning is None or _is_suppressed(winning):
        box = BoxSight(NOBODY, suppressed=suppressed or _is_suppressed(current))
    else:
        winner = fields.text(winning, "sellerName", MAX_SELLER, "winningOffer.")
        if _is_partner(winning, partner) or (seller is not None and same_seller(winner, seller)):
            box = BoxSight(OWN, suppressed=False)
        elif winner is None:
            box = None
        else:
            box = BoxSight(SOMEBODY, winner, _is_suppressed(current))
    own = _current_offer(fields, current, seller, _sku(info.get("sku")), condition)
    total = read.text(info.get("totalNumberOfOffers"))
    complete = not unread and total is not None and total.isdecimal()
    complete = complete and total is not None and int(total[:20]) <= len(listed)
    name = fields.text(info, "itemName", MAX_NAME, "itemInfo.")
    compared = compared_of(current, winning, fields.odd)
    odd = tuple(dict.fromkeys(fields.odd))
    return Sight(name, own, box, complete, odd, compared=compared), rivals


def _current_offer(
    fields: _Fields,
    current: Mapping[str, Any] | None,
    seller: str | None,
    sku: str | None,
    condition: str | None,
) -> OwnSight:
    if current is None:
        return OwnSight(published=False, sku=sku, condition=condition)
    return OwnSight(
        True,
        # Rivals and the holder of the box are as certain without it; the last one known goes on.
        fields.price(current.get("sellerOfferPrice"), "sellerOfferPrice", UNSET),
        fields.shipping(current.get("sellerShippingPrice"), "sellerShippingPrice"),
        seller,
        sku,
        condition,
    )


def _is_partner(one: Mapping[str, Any], partner: object) -> bool:
    return partner is not None and str(one.get("partnerId")) == str(partner)


def _is_suppressed(one: Mapping[str, Any] | None) -> bool:
    return one is not None and read.flag(one.get("isSuppressed")) is True


def _is_active(fields: Mapping[str, Any]) -> bool:
    return _word(fields, "lifecycleStatus") in (None, "ACTIVE")


def _word(fields: Mapping[str, Any], name: str) -> str | None:
    """A status in capitals; ``None`` where there is none."""
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise WrongShape(f"{name}: must be text, not {type(value).__name__}")
    return (value or "").strip().upper() or None


def _is_blank(value: object) -> bool:
    """Whether nothing is said: no value, an empty text or an empty list."""
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _sku(value: object) -> str | None:
    """A SKU without blanks around it, which files have and answers do not."""
    return (read.text(value) or "")[:MAX_SKU] or None


def _price(value: object, field: str) -> int | None:
    return price_cents(read.amount_in(value, field), _amount_field(value, field))


def _shipping(value: object, field: str) -> int | None:
    return shipping_cents(read.amount_in(value, field), _amount_field(value, field))


def _amount_field(value: object, field: str) -> str:
    return f"{field}.amount" if isinstance(value, dict) else field


def _check_item_id(named: object, item_id: str, where: str) -> None:
    if not _is_blank(named) and read.text(named) != item_id:
        raise WrongShape(f"payload.{where}: must be the item id {item_id}, as in item_id")
