"""What the seller side says about an item: payloads of the sources ``seller`` and ``webhook``.

Three forms: an item of ``GET /v3/items``, a row of the buy-box report, and an event of a webhook.
Each sees some fields of the seller's own offer and not others; a field that it cannot see is
:data:`~msgspec.UNSET`, which is not the same as unknown (``None``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from walmart_stream.domain.errors import BadNumber, UnsupportedSource, WrongShape
from walmart_stream.domain.money import cents
from walmart_stream.domain.offers import OWN, RIVAL, Offer
from walmart_stream.domain.reading import seller_values as read
from walmart_stream.domain.reading.affiliate_offers import MAX_NAME, MAX_SELLER, text_of
from walmart_stream.domain.reading.buy_box_report import read_row

SOMEBODY = "rival"
NOBODY = "none"

BUYBOX = "BUYBOX"
BUY_BOX_CHANGED = "BUY_BOX_CHANGED"
OFFER_PUBLISHED = "OFFER_PUBLISHED"
OFFER_UNPUBLISHED = "OFFER_UNPUBLISHED"

# Walmart lists five. Each makes an offer that is kept, so a payload must not list any number.
MOST_OFFERS = 100


class OwnSight(Struct, frozen=True, gc=False):
    """What is said of the own offer; ``UNSET`` is what the source cannot see.

    ``seller`` is ``None`` where the payload does not name the seller.
    """

    published: bool | UnsetType = UNSET
    price_cents: int | UnsetType | None = UNSET
    shipping_cents: int | UnsetType | None = UNSET
    seller: str | None = None


class BoxSight(Struct, frozen=True, gc=False):
    """Who holds the buy box: ``own``, ``rival`` (*seller*, where named) or ``none``."""

    holder: str
    seller: str | None = None
    suppressed: bool | UnsetType = UNSET


class Sight(Struct, frozen=True, gc=False):
    """What one payload says besides the rivals' offers.

    ``complete``: the rivals that it names are all that there are.
    """

    name: str | None = None
    own: OwnSight | None = None
    box: BoxSight | None = None
    complete: bool = False

    @property
    def is_silent(self) -> bool:
        """Whether it speaks for nothing: events that are about something else."""
        return self.own is None and self.box is None


def seller_sight(payload: Mapping[str, Any], item_id: str) -> Sight:
    """What a payload of source ``seller`` says.

    Raises:
        BadInput: it is of no known form, or a field that is used has the wrong type or value.
        Doubtful: see :func:`walmart_stream.domain.money.cents`.
    """
    if "report" in payload:
        return _report_row(payload, item_id)
    if "sku" in payload and "source" not in payload:
        return _own_item(payload)
    raise UnsupportedSource("payload: neither an item nor a row of a report")


def webhook_sight(
    payload: Mapping[str, Any], item_id: str
) -> tuple[Sight, dict[str, Offer | None]]:
    """What an event says, and the offers of rivals in it; of other events: nothing.

    Raises:
        BadInput: it is no event, or a field that is used has the wrong type or value.
        Doubtful: see :func:`walmart_stream.domain.money.cents`.
    """
    source = payload.get("source")
    kind = source.get("eventType") if isinstance(source, dict) else None
    if not isinstance(kind, str):
        raise UnsupportedSource("payload: no event, which has a source.eventType")
    event = payload.get("payload")
    if not isinstance(event, dict):
        raise WrongShape("payload.payload: an object is due")
    if kind == BUY_BOX_CHANGED:
        return _buy_box_changed(event, item_id)
    if kind in (OFFER_PUBLISHED, OFFER_UNPUBLISHED):
        return _publication(event, item_id, kind == OFFER_PUBLISHED), {}
    return Sight(), {}


def _own_item(item: Mapping[str, Any]) -> Sight:
    name = _text(item, "productName", "", MAX_NAME)
    published = _word(item, "publishedStatus") == "PUBLISHED" and _is_active(item)
    return Sight(name, OwnSight(published, _amount(item.get("price"), "price")))


def _report_row(payload: Mapping[str, Any], item_id: str) -> Sight:
    if payload["report"] != BUYBOX:
        raise UnsupportedSource("payload.report: BUYBOX is due")
    cells = payload.get("row")
    if not isinstance(cells, dict):
        raise WrongShape("payload.row: an object is due")
    columns: set[str] = set()
    row: dict[str, str] = {}
    for header, cell in cells.items():
        column = read.spelling(header)
        columns.add(column)
        if cell is not None and not isinstance(cell, str):
            raise WrongShape("payload.row: texts are due")
        if cell is not None and not read.is_nothing(cell):
            row.setdefault(column, cell.strip())
    _check_item_id(row.get("itemid", item_id).removesuffix(".0"), item_id, "row")
    said = read_row(row, row.get("sku", ""), item_id)
    name = None if said.name is None else text_of(said.name, "name", MAX_NAME)
    own = OwnSight(
        price_cents=_cell(said.price_cents, "selleritemprice", row, columns),
        shipping_cents=_cell(said.shipping_cents, "sellershipprice", row, columns),
    )
    box_price = _cell(said.box_price_cents, "buyboxitemprice", row, columns)
    box = None
    if said.wins:
        box = BoxSight(OWN, suppressed=False)
    elif said.wins is False:
        # A price of the box that is left blank: there is no winner.
        box = BoxSight(NOBODY if box_price is None else SOMEBODY)
    elif "issellerbuyboxwinner" in row:
        raise WrongShape("payload.row.isSellerBuyBoxWinner: yes or no is due")
    return Sight(name, own, box)


def _cell(
    amount: int | None, column: str, row: Mapping[str, str], columns: set[str]
) -> int | UnsetType | None:
    if amount is None and column in row:
        raise BadNumber(f"payload.row: {column}: {row[column][:40]!r} is not a price")
    return amount if column in columns else UNSET


def _publication(event: Mapping[str, Any], item_id: str, published: bool) -> Sight:
    _check_item_id(event.get("itemId"), item_id, "payload")
    if published:
        status = event.get("publishStatus")
        published = status in (None, "PUBLISHED") and _is_active(event)
    own = OwnSight(
        published,
        _amount(event["sellerOfferPrice"], "sellerOfferPrice")
        if event.get("sellerOfferPrice") is not None
        else UNSET,
        _amount(event["sellerShippingPrice"], "sellerShippingPrice")
        if event.get("sellerShippingPrice") is not None
        else UNSET,
        _text(event, "sellerName", "", MAX_SELLER),
    )
    return Sight(_text(event, "itemName", "", MAX_NAME), own)


def _buy_box_changed(
    event: Mapping[str, Any], item_id: str
) -> tuple[Sight, dict[str, Offer | None]]:
    info, about = _object(event, "itemInfo") or {}, _object(event, "offer") or {}
    _check_item_id(info.get("itemId"), item_id, "itemInfo")
    partner = event.get("partnerId")
    current, winning = _object(about, "currentOffer"), _object(about, "winningOffer")
    listed = about.get("offers")
    if listed is None:
        listed = []
    if not isinstance(listed, list) or len(listed) > MOST_OFFERS:
        raise WrongShape(f"offer.offers: a list of at most {MOST_OFFERS} is due")
    if not all(isinstance(one, dict) for one in listed):
        raise WrongShape("offer.offers: objects are due")
    if current is None:
        current = next((one for one in listed if _is_partner(one, partner)), None)
    seller = None if current is None else _text(current, "sellerName", "currentOffer.", MAX_SELLER)
    condition = info.get("itemCondition")
    rivals: dict[str, Offer | None] = {}
    suppressed = False
    for one in [*([] if winning is None else [winning]), *listed]:
        name, offer = _listed(one)
        suppressed = suppressed or one.get("isSuppressed") is True
        other = one.get("itemConditionName")
        if condition is not None and other is not None and other != condition:
            continue  # rivals are those who sell the same thing
        if name is not None and name != seller and not _is_partner(one, partner):
            rivals.setdefault(RIVAL + name, offer)
    box: BoxSight | None
    if winning is None or winning.get("isSuppressed") is True:
        box = BoxSight(NOBODY, suppressed=suppressed or _is_suppressed(current))
    else:
        winner, _ = _listed(winning)
        if _is_partner(winning, partner) or (seller is not None and winner == seller):
            box = BoxSight(OWN, suppressed=False)
        elif winner is None:
            box = None
        else:
            box = BoxSight(SOMEBODY, winner, _is_suppressed(current))
    if current is None:
        own = OwnSight(published=False)
    else:
        own = OwnSight(
            True,
            _amount(current.get("sellerOfferPrice"), "sellerOfferPrice"),
            _amount(current.get("sellerShippingPrice"), "sellerShippingPrice"),
            seller,
        )
    total = read.text(info.get("totalNumberOfOffers"))
    complete = total is not None and total.isdecimal() and int(total[:20]) <= len(listed)
    return Sight(_text(info, "itemName", "itemInfo.", MAX_NAME), own, box, complete), rivals


def _listed(one: Mapping[str, Any]) -> tuple[str | None, Offer | None]:
    """The seller's name and the offer; no offer without a price."""
    seller = _text(one, "sellerName", "offer.", MAX_SELLER)
    price = _amount(one.get("sellerOfferPrice"), "sellerOfferPrice")
    shipping = _amount(one.get("sellerShippingPrice"), "sellerShippingPrice")
    return seller, None if price is None else Offer(price, shipping, None, True, seller)


def _is_partner(one: Mapping[str, Any], partner: object) -> bool:
    return partner is not None and str(one.get("partnerId")) == str(partner)


def _is_suppressed(one: Mapping[str, Any] | None) -> bool:
    return one is not None and one.get("isSuppressed") is True


def _is_active(fields: Mapping[str, Any]) -> bool:
    return _word(fields, "lifecycleStatus") in (None, "ACTIVE")


def _word(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, str):
        raise WrongShape(f"{name}: text is due, not {type(value).__name__}")
    return value


def _text(fields: Mapping[str, Any], name: str, prefix: str, longest: int) -> str | None:
    value = fields.get(name)
    return None if value is None else text_of(value, name, longest, prefix)


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    value = fields.get(name)
    if value is not None and not isinstance(value, dict):
        raise WrongShape(f"{name}: an object is due")
    return value


def _amount(value: object, field: str) -> int | None:
    """Cents of an amount, which may be wrapped with its currency."""
    if isinstance(value, dict):
        if value.get("currency") not in (None, "USD"):
            raise BadNumber(f"{field}.currency: USD is due")
        value, field = value.get("amount"), f"{field}.amount"
    return cents(value, field)


def _check_item_id(named: object, item_id: str, where: str) -> None:
    if named is not None and read.text(named) != item_id:
        raise WrongShape(f"payload.{where}: the item id {item_id} is due, as in item_id")
