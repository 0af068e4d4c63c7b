"""The endpoints of the Affiliate API: from query parameters to the JSON body.

The request has been authenticated and counted before it gets here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlencode

import orjson
from multidict import MultiMapping

from walmart_stream.sandbox.affiliate.search import search
from walmart_stream.sandbox.affiliate.serving import Answer, Serving, json_list
from walmart_stream.sandbox.market.catalogue import Catalogue, Product
from walmart_stream.sandbox.refusals import application_refusal, error_body, invalid_item_id

PREFIX = "/api-proxy/service/affil/product/v2"
BatchMode = Literal["fail", "omit"]

MOST_IDS = 20
# The legacy page size; newer clients ask for more and get it.
DEFAULT_COUNT = 200
MOST_COUNT = 1000
MOST_RECOMMENDATIONS = 10
MOST_TRENDS = 25

Query = MultiMapping[str]
Endpoint = Callable[[Query, Serving], Answer]


class Affiliate:
    """Walmart's affiliate side over one catalogue.

    *batch_mode* says what one unknown id does to a lookup of several: the whole call fails,
    or the item is missing from the answer (both were seen). With *empty_items_key* an answer
    that omits every item still has its ``items`` key.
    """

    def __init__(
        self, catalogue: Catalogue, batch_mode: BatchMode = "fail", empty_items_key: bool = True
    ) -> None:
        self._catalogue = catalogue
        self._batch_mode = batch_mode
        self._empty_items_key = empty_items_key
        self._trends = sorted(catalogue.products, key=lambda p: -p.popularity)[:MOST_TRENDS]
        self.endpoints: Mapping[str, Endpoint] = {
            "items": self.items,
            "search": self.search,
            "taxonomy": self.taxonomy,
            "trends": self.trends,
            "nbp": self.recommendations,
            "postbrowse": self.recommendations,
            "paginated/items": self.paginated,
        }

    def items(self, query: Query, serving: Serving) -> Answer:
        """``/items`` by ``ids`` (at most 20), ``upc`` or ``gtin``: always a list.

        Raises:
            Refusal: 400, for an id that is not a number, unknown (in mode "fail"), or too many.
        """
        products = self._looked_up(query, serving)
        items = serving.items(products)
        if not items and not self._empty_items_key:
            return Answer(b"{}")
        return Answer(b'{"items":' + json_list(items) + b"}", items)

    def search(self, query: Query, serving: Serving) -> Answer:
        """``/search``: see ``affiliate_search``."""
        return search(self._present(self._catalogue.products, serving), query, serving)

    def trends(self, query: Query, serving: Serving) -> Answer:
        """``/trends``: what most people have bought."""
        items = serving.items(self._present(self._trends, serving))
        return Answer(b'{"items":' + json_list(items) + b"}", items)

    def recommendations(self, query: Query, serving: Serving) -> Answer:
        """``/nbp`` and ``/postbrowse``: a bare list, or an error document under status 200."""
        text = query.get("itemId", "")
        product = self._known([text], serving.vanished)[0]
        if product is None:
            raise invalid_item_id()
        others = [
            other
            for other in self._present(self._catalogue.products, serving)
            if other.shelf is product.shelf and other is not product
        ]
        if not others:
            return Answer(error_body(4022, f"No recommendations found for item {text}"))
        items = serving.items(others[:MOST_RECOMMENDATIONS])
        return Answer(json_list(items), items)

    def taxonomy(self, query: Query, serving: Serving) -> Answer:
        """``/taxonomy``: three levels of categories, or those under ``categoryId``."""
        tree = _tree(self._catalogue.products)
        wanted = query.get("categoryId")
        if wanted is not None:
            tree = [node for node in _walk(tree) if node["id"] == wanted]
        return Answer(orjson.dumps({"categories": tree}))

    def paginated(self, query: Query, serving: Serving) -> Answer:
        """``/paginated/items``: the catalogue by ascending item id, ``maxId`` the last one seen."""
        after, count = _number(query, "maxId", 0), _number(query, "count", DEFAULT_COUNT)
        count = min(max(count, 1), MOST_COUNT)
        products = self._present(self._catalogue.by_id.values(), serving)
        wanted = [product for product in products if _wanted(product, query, serving)]
        rest = [product for product in wanted if product.item_id > after]
        if not rest:
            # Following the last page's link gives an empty object.
            return Answer(b"{}")
        items = serving.items(rest[:count])
        page: dict[str, Any] = {
            "category": query.get("category", ""),
            "format": "json",
            "nextPageExist": len(rest) > count,
            "totalPages": str(math.ceil(len(wanted) / count)),
            "items": orjson.Fragment(json_list(items)),
        }
        if len(rest) > count:
            following = {key: value for key, value in query.items() if key != "maxId"}
            following |= {"count": str(count), "maxId": str(items[-1].item_id)}
            page["nextPage"] = f"{PREFIX}/paginated/items?{urlencode(following)}"
        return Answer(orjson.dumps(page), items)

    def _looked_up(self, query: Query, serving: Serving) -> Sequence[Product]:
        vanished = serving.vanished
        for key, find in (("upc", self._catalogue.with_upc), ("gtin", self._catalogue.with_gtin)):
            if "ids" not in query and key in query:
                products = [p for p in find(query[key]) if p.item_id not in vanished]
                if not products:
                    raise invalid_item_id()
                return products
        # Asked for twice, given once.
        texts = list(dict.fromkeys(text.strip() for text in query.get("ids", "").split(",")))
        if len(texts) > MOST_IDS:
            raise application_refusal(400, 400, f"At most {MOST_IDS} item ids are allowed")
        products_or_none = self._known(texts, vanished)
        refuses = self._batch_mode == "fail" and not serving.left_out
        if None in products_or_none and refuses:
            raise invalid_item_id()
        return [product for product in products_or_none if product is not None]

    def _known(self, texts: Iterable[str], vanished: frozenset[int]) -> list[Product | None]:
        ids: list[int] = []
        for text in texts:
            if not (text.isascii() and text.isdecimal() and len(text) <= 18):
                raise invalid_item_id()
            ids.append(int(text))
        return [None if i in vanished else self._catalogue.by_id.get(i) for i in ids]

    @staticmethod
    def _present(products: Iterable[Product], serving: Serving) -> Iterable[Product]:
        return (product for product in products if product.item_id not in serving.vanished)


def _wanted(product: Product, query: Query, serving: Serving) -> bool:
    category = query.get("category")
    if category and not f"{product.shelf.node}_".startswith(f"{category}_"):
        return False
    brand = query.get("brand")
    if brand and product.brand.lower() != brand.lower():
        return False
    offer = query.get("specialOffer")
    if offer and offer.lower() not in (flag.lower() for flag in product.flags):
        return False
    listing = serving.listing(product)
    if query.get("soldByWmt") == "true" and listing.third_party:
        return False
    return query.get("available") != "true" or listing.reading()["featured"]["available"]


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise application_refusal(400, 400, f"Invalid value for {name}")
    return int(text)


def _tree(products: Iterable[Product]) -> list[dict[str, Any]]:
    """Categories of up to three levels; a leaf has no ``children`` key."""
    roots: list[dict[str, Any]] = []
    known: dict[str, dict[str, Any]] = {}
    for shelf in sorted({product.shelf for product in products}, key=lambda shelf: shelf.path):
        numbers = shelf.node.split("_")
        siblings = roots
        for depth, name in enumerate(shelf.path, 1):
            node_id = "_".join(numbers[:depth])
            if node_id not in known:
                path = "/".join(shelf.path[:depth])
                known[node_id] = {"id": node_id, "name": name, "path": path}
                siblings.append(known[node_id])
            if depth < len(numbers):
                siblings = known[node_id].setdefault("children", [])
    return roots


def _walk(nodes: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for node in nodes:
        yield node
        yield from _walk(node.get("children", ()))
