"""How the seller's items stand, as the rows of a buy-box report and as pricing insights."""

from __future__ import annotations

from random import Random
from typing import Any

from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.report_file import WINNING, Columns
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.standing import RankedOffer, Standing, rank

# What a seller's shipping is called where Walmart does not ship for it.
SPEEDS = ("STANDARD", "STANDARD", "THREE_DAY")
# Walmart names the signal behind a suggested price; which words it has is not published.
DRIVER = "BUY_BOX_PRICE"
DAY = 86_400


def report_row(shop: Shop, item: OwnItem, at: float, columns: Columns) -> Said:
    """One item's line of the report; its payload maps the fields of ``report_file`` to text."""
    standing = shop.standing(item, at)
    winner = standing.winner
    row = {
        "sku": item.sku,
        "item_id": str(item.item_id),
        "name": item.product.name,
        "category": item.product.shelf.category,
        "own_price": _text(standing.own_price_cents),
        "own_shipping": _text(standing.own_shipping_cents),
        "winning": WINNING[columns][standing.winning],
        "price": _text(winner.price_cents if winner else None),
        "shipping": _text(winner.shipping_cents if winner else None),
    }
    others = [offer for offer in rank(item, standing, at) if offer != winner]
    for number, offer in enumerate(others[:2], 2):
        row[f"price_{number}"] = _text(offer.price_cents)
        row[f"shipping_{number}"] = _text(offer.shipping_cents)
    return Said(item.sku, item.item_id, row, _reading(standing))


def insight(shop: Shop, item: OwnItem, at: float) -> Said:
    """One item's row of the pricing insights; a lot of it is null."""
    standing = shop.standing(item, at)
    winner, rivals = standing.winner, [o for o in rank(item, standing, at) if not o.own]
    best = rivals[0] if rivals else None
    base = winner.price_cents if winner else None
    # Without a known shipping rate there is no total price.
    known = winner is not None and winner.shipping_cents is not None
    win_rate = _win_rate(item, standing, at)
    suggested, driver = _suggestion(standing, best)
    row = {
        "itemName": item.product.name,
        "sku": item.sku,
        "currentPrice": _number(standing.own_price_cents),
        "buyBoxBasePrice": _number(base),
        "buyBoxTotalPrice": _number(winner.ranked_by) if winner and known else None,
        "buyBoxWinRate": f"{win_rate:g}",
        "competitorPrice": _number(best.price_cents) if best else None,
        "comparisonPrice": None,
        "suggestedPrice": _number(suggested),
        "suggestedPriceDriver": driver,
        "fulfillment": "Walmart Fulfilled" if badges(shop.seller)[0] else "Seller Fulfilled",
        "inventoryCount": item.stock.at(at),
        "repricerStrategyType": None,
        "repricerStrategyName": None,
        "repricerStatus": None,
        "repricerMinPrice": None,
        "repricerMaxPrice": None,
        "priceCompetitiveScore": None,
        "priceCompetitive": standing.winning,
        "priceDifferential": _difference(standing, best),
        "promoStatus": None,
        "potentialGmvLift": None,
        "gmv30": None,
        "inDemand": item.product.popularity > 1_000,
        "traffic": ("VERY_LOW", "LOW", "MEDIUM", "HIGH", "VERY_HIGH")[
            min(4, len(str(item.product.popularity)) - 1)
        ],
        "reducedReferralStatus": None,
        "walmartFundedStatus": None,
    }
    reading = {
        "own_price_cents": standing.own_price_cents,
        "own_quantity": item.stock.at(at),
        "winning": standing.winning,
        "buy_box_price_cents": base,
        "buy_box_shipping_cents": winner.shipping_cents if winner else None,
        "competitor_price_cents": best.price_cents if best else None,
        "suggested_price_cents": suggested,
        "suggested_by": driver,
        "win_rate": win_rate / 100,
    }
    return Said(item.sku, item.item_id, row, reading)


def offer_json(offer: RankedOffer, suppressed: bool = False) -> dict[str, Any]:
    """One offer inside a ``BUY_BOX_CHANGED`` event."""
    wfs, pro_seller, speed = badges(offer.seller)
    document: dict[str, Any] = {
        "sellerName": offer.seller,
        "sellerOfferPrice": offer.price_cents / 100,
        "sellerShippingSpeed": speed,
        "proSellerBadge": pro_seller,
        "isWFS": wfs,
        "isSuppressed": suppressed,
        "itemConditionName": "New",
    }
    if offer.shipping_cents is not None:
        document["sellerShippingPrice"] = offer.shipping_cents / 100
    return document


def _reading(standing: Standing) -> dict[str, Any]:
    winner = standing.winner
    return {
        "own_price_cents": standing.own_price_cents,
        "own_shipping_cents": standing.own_shipping_cents,
        "winning": standing.winning,
        "buy_box_price_cents": winner.price_cents if winner else None,
        "buy_box_shipping_cents": winner.shipping_cents if winner else None,
    }


def badges(seller: str) -> tuple[bool, bool, str]:
    """Whether Walmart ships a seller's offers, whether it has the badge, and how fast it ships."""
    random = Random(f"badges:{seller}")  # noqa: S311 - a simulation
    wfs = random.random() < 0.3
    return wfs, random.random() < 0.4, "TWO_DAY" if wfs else random.choice(SPEEDS)


def _win_rate(item: OwnItem, standing: Standing, at: float) -> float:
    """Per cent of page views: nobody looks at all hours alike, so it is not the share of time."""
    random = Random(f"views:{item.item_id}:{int(at // DAY)}")  # noqa: S311 - a simulation
    return round(random.uniform(55, 100) if standing.winning else random.uniform(0, 45), 1)


def _suggestion(standing: Standing, best: RankedOffer | None) -> tuple[int | None, str | None]:
    """The price that Walmart suggests, and the signal that it comes from."""
    if standing.own_price_cents is None or best is None or standing.winning:
        return None, None
    return max(1, best.price_cents - 1), DRIVER


def _difference(standing: Standing, best: RankedOffer | None) -> float | None:
    if standing.own_price_cents is None or best is None:
        return None
    return (standing.own_price_cents - best.price_cents) / 100


def _number(cents: int | None) -> float | None:
    return None if cents is None else cents / 100


def _text(cents: int | None) -> str:
    return "" if cents is None else f"{cents // 100}.{cents % 100:02}"
