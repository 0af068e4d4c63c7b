"""How the seller's items stand, as the rows of a buy-box report and as pricing insights."""

from __future__ import annotations

from typing import Any

from walmart_stream.sandbox.seller.offers import OwnItem
from walmart_stream.sandbox.seller.records import Said
from walmart_stream.sandbox.seller.report_file import WINNING, Columns
from walmart_stream.sandbox.seller.shop import Shop
from walmart_stream.sandbox.seller.standing import RankedOffer, Standing, rank


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
    row = {
        "itemName": item.product.name,
        "sku": item.sku,
        "currentPrice": _number(standing.own_price_cents),
        "buyBoxBasePrice": _number(base),
        "buyBoxTotalPrice": _number(winner.ranked_by) if winner and known else None,
        "buyBoxWinRate": "100" if standing.winning else "0",
        "competitorPrice": _number(best.price_cents) if best else None,
        "comparisonPrice": None,
        "fulfillment": "Seller Fulfilled",
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
    }
    return Said(item.sku, item.item_id, row, reading)


def offer_json(offer: RankedOffer, suppressed: bool = False) -> dict[str, Any]:
    """One offer inside a ``BUY_BOX_CHANGED`` event."""
    document: dict[str, Any] = {
        "sellerName": offer.seller,
        "sellerOfferPrice": offer.price_cents / 100,
        "sellerShippingSpeed": "STANDARD",
        "proSellerBadge": False,
        "isWFS": False,
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


def _difference(standing: Standing, best: RankedOffer | None) -> float | None:
    if standing.own_price_cents is None or best is None:
        return None
    return (standing.own_price_cents - best.price_cents) / 100


def _number(cents: int | None) -> float | None:
    return None if cents is None else cents / 100


def _text(cents: int | None) -> str:
    return "" if cents is None else f"{cents // 100}.{cents % 100:02}"
