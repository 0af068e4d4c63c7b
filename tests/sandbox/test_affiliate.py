"""The affiliate endpoints: lookup, search, taxonomy, paging and recommendations."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import orjson
import pytest

INVALID_ITEM_ID = {"errors": [{"code": 4002, "message": "Invalid itemId"}]}


async def test_twenty_items_are_looked_up_at_once_in_the_order_asked(open_sandbox):
    """``ids`` takes up to 20 ids; the answer is a list under ``items`` with a Date header."""
    caller = await open_sandbox()
    ids = await caller.ids(20)

    reply = await caller.get("items", ids=",".join(ids))

    assert reply.status == 200
    assert [str(item["itemId"]) for item in reply.json()["items"]] == ids
    assert parsedate_to_datetime(reply.headers["Date"]).timestamp() == caller.clock()


async def test_more_than_twenty_ids_are_refused(open_sandbox):
    """The twenty-first id makes the call a 400."""
    caller = await open_sandbox()
    ids = await caller.ids(21)

    reply = await caller.get("items", ids=",".join(ids))

    assert reply.status == 400
    assert reply.json()["errors"][0]["message"]


async def test_an_id_asked_for_twice_is_answered_once(open_sandbox):
    """Duplicate ids are taken together."""
    caller = await open_sandbox()
    [item_id] = await caller.ids(1)

    reply = await caller.get("items", ids=f"{item_id},{item_id}")

    assert len(reply.json()["items"]) == 1


async def test_one_unknown_id_fails_the_whole_batch(open_sandbox):
    """In mode "fail" the 19 good items are lost with the bad one: 400, code 4002."""
    caller = await open_sandbox(batch_mode="fail")
    ids = await caller.ids(19)

    reply = await caller.get("items", ids=",".join([*ids, "77"]))

    assert (reply.status, reply.json()) == (400, INVALID_ITEM_ID)
    assert await caller.truth() == []


async def test_unknown_ids_are_left_out_in_mode_omit(open_sandbox):
    """In mode "omit" the answer has the known items only."""
    caller = await open_sandbox(batch_mode="omit")
    ids = await caller.ids(19)

    reply = await caller.get("items", ids=",".join(["77", *ids]))
    nothing = await caller.get("items", ids="77")

    assert [str(item["itemId"]) for item in reply.json()["items"]] == ids
    assert nothing.json() == {"items": []}


async def test_an_empty_answer_can_lack_its_items_key(open_sandbox):
    """With ``empty_items_key`` off, an answer without items is an empty object."""
    caller = await open_sandbox(batch_mode="omit", empty_items_key=False)

    reply = await caller.get("items", ids="77")

    assert (reply.status, reply.json()) == (200, {})


@pytest.mark.parametrize("batch_mode", ["fail", "omit"])
@pytest.mark.parametrize("ids", ["", "abc", "1,", "-5", "１２"])
async def test_what_is_no_number_is_an_invalid_item_id(open_sandbox, batch_mode, ids):
    """Ids that are no decimal numbers are a 400 in either mode."""
    caller = await open_sandbox(batch_mode=batch_mode)

    reply = await caller.get("items", ids=ids)

    assert (reply.status, reply.json()) == (400, INVALID_ITEM_ID)


async def test_an_item_is_found_by_upc_and_by_gtin(open_sandbox):
    """A GTIN is the UPC with zeros in front; without a match the answer is a 400."""
    caller = await open_sandbox()
    listed = (await caller.control("GET", "items")).json()["items"]
    wanted = next(item for item in listed if item["upc"])

    by_upc = await caller.get("items", upc=wanted["upc"])
    by_gtin = await caller.get("items", gtin=f"00{wanted['upc']}")
    missing = await caller.get("items", upc="999999999999")

    for reply in (by_upc, by_gtin):
        assert wanted["item_id"] in {str(item["itemId"]) for item in reply.json()["items"]}
    assert (missing.status, missing.json()) == (400, INVALID_ITEM_ID)


async def test_the_publisher_id_replaces_the_placeholder_in_tracking_urls(open_sandbox):
    """Without ``publisherId`` the URL keeps ``|PUBID|``."""
    caller = await open_sandbox()
    [item_id] = await caller.ids(1)

    without = await caller.get("items", ids=item_id)
    with_publisher = await caller.get("items", ids=item_id, publisherId="p/42")

    assert "/c/|PUBID|/" in without.json()["items"][0]["productTrackingUrl"]
    assert "/c/p%2F42/" in with_publisher.json()["items"][0]["productTrackingUrl"]


async def test_answers_are_gzipped_for_those_who_accept_it(open_sandbox):
    """``Accept-Encoding: gzip`` gets the same JSON, compressed; ``identity`` gets it plain."""
    caller = await open_sandbox()
    ids = ",".join(await caller.ids(5))

    packed = await caller.get("items", ids=ids)
    plain = await caller.get(
        "items", headers=caller.signed() | {"Accept-Encoding": "identity"}, ids=ids
    )

    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert packed.body == plain.body


async def test_search_pages_through_its_hits_in_the_base_group(open_sandbox):
    """``start`` counts from 1; base items lack what only the full group has."""
    caller = await open_sandbox(items=300)

    first = (await caller.get("search", query="black", numItems=2)).json()
    second = (await caller.get("search", query="black", numItems=2, start=3)).json()
    full = (await caller.get("search", query="black", numItems=2, responseGroup="full")).json()

    pages = [item["itemId"] for page in (first, second) for item in page["items"]]
    assert len(set(pages)) == 4
    assert first["totalResults"] == second["totalResults"] > 4
    assert first["responseGroup"] == "base"
    assert all("bestMarketplacePrice" not in item for item in first["items"])
    assert [item["itemId"] for item in full["items"]] == pages[:2]
    assert all("offerId" in item for item in full["items"])


async def test_search_sorts_by_price_and_filters_by_facets(open_sandbox):
    """``sort=price`` with ``order``, ``facet.filter`` and ``facet.range`` narrow the hits."""
    caller = await open_sandbox(items=300)

    cheap_last = await caller.get("search", query="e", sort="price", order="descending")
    faceted = (await caller.get("search", query="e", facet="on")).json()
    brand = faceted["facets"][0]["facetValues"][0]
    narrowed = await caller.get("search", query="e", **{"facet.filter": f"brand:{brand['name']}"})
    ranged = await caller.get("search", query="e", **{"facet.range": "price:[20 TO 30]"})

    prices = [float(item.get("salePrice", 0)) for item in cheap_last.json()["items"]]
    assert prices == sorted(prices, reverse=True)
    assert narrowed.json()["totalResults"] == brand["count"]
    assert all(20 <= float(item["salePrice"]) <= 30 for item in ranged.json()["items"])


async def test_a_search_without_hits_has_a_message_and_no_items(open_sandbox):
    """The body is the one that was seen on the real service."""
    caller = await open_sandbox()

    reply = await caller.get("search", query="lskfdjsalfjk")

    assert reply.status == 200
    assert reply.body == (
        b'{"query":"lskfdjsalfjk","sort":"relevance","responseGroup":"base","totalResults":0,'
        b'"start":1,"numItems":0,"message":"Results not found!","facets":[]}'
    )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"query": "tv", "numItems": 26},
        {"query": "tv", "start": 990, "numItems": 25},
        {"query": "tv", "start": 0},
        {"query": "tv", "start": "x"},
    ],
)
async def test_a_search_out_of_bounds_is_refused(open_sandbox, params):
    """At most 25 a page, at most 1,000 deep, and there has to be a query."""
    caller = await open_sandbox()

    reply = await caller.get("search", **params)

    assert reply.status == 400


async def test_the_taxonomy_has_three_levels_and_leaves_without_children(open_sandbox):
    """Ids are joined by underscores, level by level."""
    caller = await open_sandbox(items=300)

    roots = (await caller.get("taxonomy")).json()["categories"]

    leaves = [leaf for root in roots for inner in root["children"] for leaf in inner["children"]]
    assert leaves
    assert all("children" not in leaf for leaf in leaves)
    assert all(re.fullmatch(r"\d+_\d+_\d+", leaf["id"]) for leaf in leaves)


async def test_following_next_page_reads_the_whole_catalogue_once(open_sandbox):
    """``nextPage`` is a path from the host's root; after the last page there is ``{}``."""
    caller = await open_sandbox(items=60)
    seen: list[int] = []

    page = (await caller.get("paginated/items", count=25)).json()
    total_pages = page["totalPages"]
    while True:
        seen.extend(item["itemId"] for item in page["items"])
        if not page["nextPageExist"]:
            break
        url = caller.sandbox.url.removesuffix("/api-proxy/service/affil/product/v2")
        async with caller.http.get(url + page["nextPage"], headers=caller.signed()) as response:
            page = orjson.loads(await response.read())
    after = await caller.get("paginated/items", count=25, maxId=seen[-1])

    assert total_pages == "3"
    assert seen == sorted(seen)
    assert {str(item_id) for item_id in seen} == set(await caller.ids(60))
    assert "nextPage" not in page
    assert after.json() == {}


async def test_the_catalogue_can_be_narrowed(open_sandbox):
    """By category, brand, special offer, seller and availability."""
    caller = await open_sandbox(items=300)

    walmart = await caller.get("paginated/items", soldByWmt="true", available="true")
    toys = await caller.get("paginated/items", category="4171")
    clearance = await caller.get("paginated/items", specialOffer="clearance")

    assert all(
        item["availableOnline"] and not item["marketplace"] for item in walmart.json()["items"]
    )
    assert all(item["categoryNode"].startswith("4171_") for item in toys.json()["items"])
    assert all(item["clearance"] for item in clearance.json()["items"])


async def test_recommendations_are_a_bare_list_or_an_error_under_200(open_sandbox):
    """``/nbp`` answers a list; with nothing to recommend, an object with code 4022."""
    crowd = await open_sandbox(items=300)
    alone = await open_sandbox(items=1)
    [crowded_id], [lonely_id] = await crowd.ids(1), await alone.ids(1)

    some = await crowd.get("nbp", itemId=crowded_id)
    none = await alone.get("nbp", itemId=lonely_id)

    assert some.status == none.status == 200
    assert 1 <= len(some.json()) <= 10
    message = f"No recommendations found for item {lonely_id}"
    assert none.json() == {"errors": [{"code": 4022, "message": message}]}


async def test_trends_are_items(open_sandbox):
    """``/trends`` answers a list under ``items``."""
    caller = await open_sandbox()

    reply = await caller.get("trends")

    assert len(reply.json()["items"]) == 25


async def test_other_paths_are_404_and_long_ones_414(open_sandbox):
    """A path that does not exist is 404, a URI beyond all measure 414."""
    caller = await open_sandbox()

    missing = await caller.get("nothing-here")
    long = await caller.get("items", ids="1" * 5000)

    assert (missing.status, long.status) == (404, 414)
