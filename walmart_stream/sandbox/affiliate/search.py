"""``/search`` of the Affiliate API: matching, sorting, paging and facets over the catalogue."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from multidict import MultiMapping

from walmart_stream.sandbox.affiliate.item_json import Group
from walmart_stream.sandbox.affiliate.serving import Answer, Serving, json_list
from walmart_stream.sandbox.market.catalogue import Product
from walmart_stream.sandbox.refusals import application_refusal

MOST_ITEMS = 25
# Walmart lets nobody page deeper than this.
DEEPEST_RESULT = 1000
DEFAULT_ITEMS = 10

PRICE_RANGE = re.compile(r"price:\[(\d+(?:\.\d+)?) TO (\d+(?:\.\d+)?)\]")


def search(products: Iterable[Product], query: MultiMapping[str], serving: Serving) -> Answer:
    """The SearchResult for *query*; without hits it has a message and no ``items`` key.

    Raises:
        Refusal: 400, for a query that is missing or parameters out of range.
    """
    text = query.get("query", "")
    start = _number(query, "start", 1, DEEPEST_RESULT)
    count = _number(query, "numItems", DEFAULT_ITEMS, MOST_ITEMS)
    if not text.strip():
        raise application_refusal(400, 400, "Invalid value for query")
    if start + count > DEEPEST_RESULT:
        raise application_refusal(400, 400, f"Only the first {DEEPEST_RESULT} results can be read")
    group: Group = "full" if query.get("responseGroup") == "full" else "base"
    sort = query.get("sort", "relevance")
    hits = _matching(products, text, query, serving)
    _sort(hits, sort, query.get("order") == "descending", serving)
    page = hits[start - 1 : start - 1 + count]
    result: dict[str, Any] = {
        "query": text,
        "sort": sort,
        "responseGroup": group,
        "totalResults": len(hits),
        "start": start,
        "numItems": len(page),
    }
    items = serving.items(page, group)
    if items:
        result["items"] = orjson.Fragment(json_list(items))
    else:
        result["message"] = "Results not found!"
    result["facets"] = _facets(hits) if query.get("facet") == "on" else []
    return Answer(orjson.dumps(result), items)


def _number(query: MultiMapping[str], name: str, default: int, most: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and 1 <= len(text) <= 6 and 0 < int(text) <= most):
        raise application_refusal(400, 400, f"Invalid value for {name}")
    return int(text)


def _matching(
    products: Iterable[Product], text: str, query: MultiMapping[str], serving: Serving
) -> list[Product]:
    words = text.lower().split()
    category = query.get("categoryId")
    brands = {
        value.removeprefix("brand:").lower()
        for value in query.getall("facet.filter", [])
        if value.startswith("brand:")
    }
    ranges = [
        (float(found[1]) * 100, float(found[2]) * 100)
        for value in query.getall("facet.range", [])
        if (found := PRICE_RANGE.fullmatch(value))
    ]

    def matches(product: Product) -> bool:
        if not all(word in product.search_text for word in words):
            return False
        if category and not f"{product.shelf.node}_".startswith(f"{category}_"):
            return False
        if brands and product.brand.lower() not in brands:
            return False
        return all(low <= _price(product, serving) <= high for low, high in ranges)

    return [product for product in products if matches(product)]


def _price(product: Product, serving: Serving) -> int:
    return serving.listing(product).featured.price_cents or 0


def _sort(hits: list[Product], sort: str, descending: bool, serving: Serving) -> None:
    orders: dict[str, Callable[[Product], Any]] = {
        "price": lambda p: _price(p, serving) * (-1 if descending else 1),
        "title": lambda p: p.name,
        "bestseller": lambda p: -p.popularity,
        "customerRating": lambda p: -p.rating,
        "new": lambda p: -p.item_id,
    }
    if sort in orders:
        hits.sort(key=orders[sort])


def _facets(hits: Iterable[Product]) -> list[dict[str, Any]]:
    brands = Counter(product.brand for product in hits)
    values = [{"name": name, "count": count} for name, count in brands.most_common()]
    return [{"name": "brand", "displayName": "Brand", "facetValues": values}] if values else []
