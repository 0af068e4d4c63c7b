"""The seller's own items: every one of them, once, through paging that invites to lose some."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.walmart.seller_server import NOTHING, fault, reply
from walmart_stream.walmart.errors import (
    BadRequest,
    ContentNotFound,
    CursorExpired,
    ListTooLong,
    MalformedResponse,
)

KETTLE = {
    "mart": "WALMART_US",
    "sku": "2792005",
    "condition": "New",
    "wpid": "0RE1",
    "upc": "886859944807",
    "gtin": "00886859944807",
    "productName": "Kettle &amp; cup",
    "shelf": '["Home Page","Kitchen"]',
    "productType": "Kettles",
    "price": {"currency": "USD", "amount": 59.99},
    "publishedStatus": "UNPUBLISHED",
    "unpublishedReasons": {"reason": ["no image"]},
    "lifecycleStatus": "ACTIVE",
    "variantGroupId": "V1",
}


class Catalogue:
    """``GET /v3/items`` with its traps: a cursor that stays, that dies, and offsets that move."""

    def __init__(self, clock, skus, *, life=120.0, most=200, seconds_a_page=1.0):
        self.clock, self.skus, self.life, self.most = clock, skus, life, most
        self.seconds_a_page = seconds_a_page
        self.snapshots: dict[str, tuple[float, list[str]]] = {}

    def answer(self, asked):
        if asked.path != "/v3/items":
            sku = asked.path.rpartition("/")[2]
            return reply({"ItemResponse": [{"sku": sku}], "totalItems": 1})
        self.clock.now += self.seconds_a_page
        cursor, offset = asked.query["nextCursor"], int(asked.query["offset"])
        if cursor == "*":
            cursor = f"snapshot+/{len(self.snapshots)}="
            self.snapshots[cursor] = self.clock.now, list(self.skus)
        opened, skus = self.snapshots[cursor]
        if self.clock.now - opened > self.life:
            return fault(400, "INVALID_REQUEST_PARAM.GMP_ITEM_QUERY_API", "Invalid Cursor")
        if offset > 10_000:
            return fault(400, "INVALID_REQUEST_PARAM.GMP_ITEM_QUERY_API", "offset is too large")
        page = skus[offset : offset + min(self.most, int(asked.query["limit"]))]
        if not page:
            return fault(404, *NOTHING)
        entries = [{"sku": sku} for sku in page]
        return reply({"ItemResponse": entries, "totalItems": len(skus), "nextCursor": cursor})


async def skus_of(pages: Any) -> list[str]:
    found: list[str] = []
    await read_into(found, pages)
    return found


async def read_into(found: list[str], pages: Any) -> None:
    """Adds SKUs as they come, so that those before an error are seen."""
    async for page in pages:
        found += [item.sku for item in page.items]


def numbered(count):
    return [f"SKU {n}/a" for n in range(count)]


async def test_an_item_is_read_with_all_that_it_has(open_seller, clock):
    """Money in cents, text as it is shown, the list inside of a text; the object stays as it is."""
    client, server = await open_seller(lambda asked: reply({"ItemResponse": [KETTLE]}))

    item = await client.items.get("2792005")

    assert (item.sku, item.name, item.price_cents) == ("2792005", "Kettle & cup", 5999)
    assert (item.published, item.lifecycle) == ("UNPUBLISHED", "ACTIVE")
    assert item.unpublished_reasons == ("no image",)
    assert item.shelf == ("Home Page", "Kitchen")
    assert orjson.loads(item.payload) == KETTLE
    assert server.asked[0].query == {"productIdType": "SKU"}


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"price": None}, "price_cents", None),
        ({"price": {"amount": "12.989999771118164", "currency": "USD"}}, "price_cents", 1299),
        ({"price": {"amount": 8.005}}, "price_cents", 800),
        ({"price": {"amount": 5, "currency": "CAD"}}, "price_cents", None),
        ({"price": {"amount": "a lot"}}, "price_cents", None),
        ({"price": 7}, "price_cents", 700),
        ({"shelf": "Home Page"}, "shelf", ("Home Page",)),
        ({"shelf": None}, "shelf", ()),
        ({"unpublishedReasons": {"reason": "one"}}, "unpublished_reasons", ("one",)),
        ({"unpublishedReasons": "one"}, "unpublished_reasons", ("one",)),
        ({"upc": 886859944807}, "upc", "886859944807"),
    ],
)
async def test_odd_values_cost_nothing_but_themselves(open_seller, changes, field, value):
    """An unreadable value is absent; the item is there."""
    client, _ = await open_seller(lambda asked: reply({"ItemResponse": [KETTLE | changes]}))

    assert getattr(await client.items.get("2792005"), field) == value


@pytest.mark.parametrize("sku", ["a/b", "a b", "50%", "a@b", "ä?x=1#y", "../token"])
async def test_a_sku_is_encoded_in_the_path(open_seller, sku):
    """It is one segment, whatever is in it."""
    client, server = await open_seller(lambda asked: reply({"ItemResponse": [{"sku": sku}]}))

    item = await client.items.get(sku)

    assert item.sku == sku
    segment = server.asked[0].path.removeprefix("/v3/items/")
    assert not set("/@ ?#").intersection(segment)


async def test_an_item_that_is_not_there_is_said_to_be_so(open_seller):
    """404, or an empty list."""
    for nothing in (lambda: fault(404, *NOTHING), lambda: reply({"ItemResponse": []})):
        client, _ = await open_seller(lambda asked, nothing=nothing: nothing())

        with pytest.raises(ContentNotFound):
            await client.items.get("A")


@pytest.mark.parametrize("most", [200, 50, 7])
@pytest.mark.parametrize("count", [1, 200, 201, 1000])
async def test_all_items_come_once(open_seller, clock, count, most):
    """Also where Walmart gives fewer a page than it was asked for."""
    catalogue = Catalogue(clock, numbered(count), most=most, life=1e6)
    client, _ = await open_seller(catalogue.answer)

    assert await skus_of(client.items.all()) == catalogue.skus


async def test_an_empty_list_is_a_404_and_no_error(open_seller):
    """And the statuses that were asked for are in the query."""
    client, server = await open_seller(lambda asked: fault(404, *NOTHING))

    found = await skus_of(client.items.all(lifecycle="ACTIVE", published="UNPUBLISHED"))

    assert found == []
    query = server.asked[0].query
    assert (query["lifecycleStatus"], query["publishedStatus"]) == ("ACTIVE", "UNPUBLISHED")
    assert (query["nextCursor"], query["offset"]) == ("*", "0")


async def test_a_cursor_that_dies_starts_the_list_anew(open_seller, clock):
    """Items that moved forward meanwhile are found, none comes twice."""
    catalogue = Catalogue(clock, numbered(1000), life=4, seconds_a_page=1.0)
    client, server = await open_seller(catalogue.answer)
    found = []

    async for page in client.items.all():
        found += [item.sku for item in page.items]
        if len(server.asked) == 5:
            # Sold out, and listed again at another place.
            catalogue.skus = catalogue.skus[1:] + catalogue.skus[:1]
            catalogue.life = 1e6

    assert sorted(found) == sorted(numbered(1000))


async def test_a_list_that_always_dies_is_given_up(open_seller, clock):
    """After some beginnings; what was read has been given."""
    catalogue = Catalogue(clock, numbered(1000), life=3)
    client, _ = await open_seller(catalogue.answer)
    found = []

    with pytest.raises(CursorExpired):
        await read_into(found, client.items.all())

    assert found == numbered(1000)[: len(found)]
    assert 600 <= len(found) < 1000
    assert len(catalogue.snapshots) == 4


async def test_beyond_ten_thousand_known_skus_are_asked_for_one_by_one(open_seller, clock):
    """And the rest is not passed over in silence."""
    catalogue = Catalogue(clock, [f"S{n}" for n in range(10_205)], seconds_a_page=0.1)
    client, server = await open_seller(catalogue.answer)
    found = []

    with pytest.raises(ListTooLong) as caught:
        await read_into(found, client.items.all(known=["S3", "S10201", "S10203"]))

    assert found == [*catalogue.skus[:10_200], "S10201", "S10203"]
    assert caught.value.unreached == 3
    assert max(int(asked.query.get("offset", 0)) for asked in server.asked) == 10_000


async def test_all_of_a_long_list_are_there_if_all_are_known(open_seller, clock):
    """No error then."""
    catalogue = Catalogue(clock, [f"S{n}" for n in range(10_202)], seconds_a_page=0.1)
    client, _ = await open_seller(catalogue.answer)

    found = await skus_of(client.items.all(known=catalogue.skus))

    assert found == catalogue.skus


@pytest.mark.parametrize("end", [lambda: fault(404, *NOTHING), lambda: reply({"totalItems": 9})])
async def test_a_list_that_ends_too_soon_is_an_error(open_seller, end):
    """The items before the end have been given."""

    def answer(asked):
        if asked.query["offset"] == "0":
            return reply({"ItemResponse": [{"sku": "A"}], "totalItems": 9, "nextCursor": "c"})
        return end()

    client, _ = await open_seller(answer, attempts=1)
    found = []

    with pytest.raises(MalformedResponse, match="1 of 9"):
        await read_into(found, client.items.all())

    assert found == ["A"]


async def test_a_list_that_repeats_itself_is_an_error(open_seller):
    """Where the offset is not understood, the same page comes for ever."""
    page = {"ItemResponse": [{"sku": "A"}, {"sku": "B"}], "totalItems": 9, "nextCursor": "c"}
    client, server = await open_seller(lambda asked: reply(page), attempts=1)

    with pytest.raises(MalformedResponse, match="repeats"):
        await skus_of(client.items.all())

    assert len(server.asked) == 2


async def test_without_a_count_the_list_ends_where_nothing_is_left(open_seller):
    """A page that is not full says nothing: Walmart may have a limit of its own."""
    pages = {"0": ["A", "B"], "2": ["C"]}

    def answer(asked):
        skus = pages.get(asked.query["offset"])
        return reply({"ItemResponse": [{"sku": s} for s in skus]}) if skus else fault(404, *NOTHING)

    client, _ = await open_seller(answer)

    assert await skus_of(client.items.all()) == ["A", "B", "C"]


async def test_entries_without_sku_are_counted_and_paged_over(open_seller):
    """They count for the offset, like Walmart counts them."""

    def answer(asked):
        entries = [{"sku": "A"}, {"sku": ""}, "?", {"sku": "B"}]
        page = entries[int(asked.query["offset"]) :][:2]
        return reply({"ItemResponse": page, "totalItems": 4, "nextCursor": "c"})

    client, _ = await open_seller(answer)

    pages = [page async for page in client.items.all()]

    assert [item.sku for page in pages for item in page.items] == ["A", "B"]
    assert sum(page.malformed for page in pages) == 2


async def test_another_fault_of_the_request_is_no_expired_cursor(open_seller):
    """The list is not begun again."""
    client, server = await open_seller(lambda asked: fault(400, "INVALID_REQUEST_PARAM", "limit"))

    with pytest.raises(BadRequest):
        await skus_of(client.items.all())

    assert len(server.asked) == 1


HIT = {
    "itemId": "536405217",
    "condition": "New",
    "isMarketPlaceItem": False,
    "customerRating": "3.799999952316284",
    "price": {"amount": "12.989999771118164", "currency": "USD"},
    "title": "Red <mark>Kettle</mark> &amp; cup",
    "brand": "Acme",
    "properties": {"variant_items_num": "3", "num_reviews": "12"},
}


async def test_a_hit_is_read_without_noise(open_seller):
    """Float noise, markup and entities are gone; the object stays as it is."""
    client, server = await open_seller(lambda asked: reply({"items": [HIT]}))

    (hit,) = (await client.search.query("red kettle")).hits

    assert (hit.item_id, hit.title, hit.price_cents) == ("536405217", "Red Kettle & cup", 1299)
    assert (hit.third_party, hit.reviews) == (False, 12)
    assert orjson.loads(hit.payload) == HIT
    assert server.asked[0].query == {"query": "red kettle"}


async def test_hits_are_read_in_the_other_spelling_too(open_seller):
    """Camel case where snake case was, numbers where text was, no price where one was."""
    other = {
        "itemId": 536405217,
        "is_market_place_item": "true",
        "properties": {"numReviews": 12},
        "title": None,
    }
    client, _ = await open_seller(lambda asked: reply({"items": [other, {"itemId": "x"}, 3]}))

    found = await client.search.upc("012345678905")

    (hit,) = found.hits
    assert (hit.item_id, hit.third_party, hit.reviews) == ("536405217", True, 12)
    assert (hit.price_cents, hit.title) == (None, None)
    assert found.malformed == 2


async def test_no_hits_is_no_error(open_seller):
    """404, or no list."""
    for nothing in (lambda: fault(404, *NOTHING), lambda: reply({})):
        client, _ = await open_seller(lambda asked, nothing=nothing: nothing())

        assert (await client.search.gtin("00012345678905")).hits == ()
