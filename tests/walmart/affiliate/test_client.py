"""The affiliate client against prepared answers: batches, limits, clocks, pages."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from itertools import pairwise

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.walmart.prepared import BASE, CONSUMER, NOON, http_date, items_of, response
from walmart_stream.walmart import errors
from walmart_stream.walmart.affiliate.budget import DailyBudget

# The fixture only makes clients; each example makes its own.
SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

INVALID = {"errors": [{"code": 4002, "message": "Invalid itemId"}]}
EXPIRED = {"details": {"Description": "The timestamp 1 passed for the signature has expired"}}
DOWN = response(503, b"")

IDS = [str(number) for number in range(101, 146)]


def refusing(bad):
    """A Walmart that refuses every request with one of the *bad* ids in it."""

    def answer(asked):
        return response(400, INVALID) if bad.intersection(asked.ids) else items_of(asked)

    return answer


def one_after_another(*replies):
    left = list(replies)
    return lambda asked: left.pop(0) if len(left) > 1 else left[0]


def answered(lookup):
    return sorted(item_id for answer in lookup.answers for item_id in answer.items)


async def test_any_number_of_items_is_asked_for_by_twenties(open_client):
    """Each id once, in the order given."""
    client, walmart = open_client()

    lookup = await client.items([*IDS, *IDS[:3]])

    assert [asked.ids for asked in walmart.asked] == [IDS[:20], IDS[20:40], IDS[40:]]
    assert answered(lookup) == IDS
    assert (lookup.missing, lookup.invalid, lookup.failed) == (frozenset(), {}, {})
    assert lookup.calls == 3


async def test_nothing_is_asked_for_nothing(open_client):
    """No items, no call."""
    client, walmart = open_client()

    lookup = await client.items([])

    assert (walmart.asked, lookup.calls) == ([], 0)


async def test_an_answer_has_the_request_id_that_was_sent_and_its_time_of_arrival(
    open_client, clock
):
    """Each request has an id of its own, and the four signed headers."""
    client, walmart = open_client(latency=1.5)

    lookup = await client.items(IDS[:40])

    for answer, asked in zip(lookup.answers, walmart.asked, strict=True):
        assert answer.request_id == asked.headers["WM_QOS.CORRELATION_ID"]
        assert answer.observed_at == asked.at + 1.5
        assert asked.headers["WM_CONSUMER.ID"] == CONSUMER
        assert "WM_SEC.AUTH_SIGNATURE" in asked.headers
        assert asked.url == f"{BASE}/items"
    assert [answer.request_id for answer in lookup.answers] == ["r1", "r2"]


async def test_an_item_is_passed_on_as_it_came(open_client):
    """Keys in their order, unknown ones too, texts and numbers unchanged."""
    item = (
        b'{"name":"Caf\xc3\xa9 &amp; \\"co\\"","itemId":101,"salePrice":24.97,"msrp":"29.990",'
        b'"x":{"b":[1,2.5,true,null],"a":"5E3"},"big":12345678901234567,"zero":0.0}'
    )
    client, _ = open_client(lambda asked: response(200, b'{"items":[ ' + item + b"]}"))

    lookup = await client.items(["101"])

    assert lookup.answers[0].items == {"101": item}


@given(st.decimals(min_value=0, max_value=10**9, places=4, allow_nan=False))
def test_a_price_keeps_its_value(price):
    """Numbers become the shortest text of the same float: every price is the same decimal."""
    text = orjson.dumps(orjson.loads(f"[{price}]"))

    assert Decimal(text.decode()[1:-1]) == price


async def test_one_bad_id_does_not_cost_the_others(open_client):
    """The batch is halved until the bad id is alone; it is named with its reason."""
    client, walmart = open_client(refusing({"107"}))

    lookup = await client.items(IDS[:20])

    assert answered(lookup) == [item_id for item_id in IDS[:20] if item_id != "107"]
    assert list(lookup.invalid) == ["107"]
    assert isinstance(lookup.invalid["107"], errors.InvalidItem)
    assert lookup.calls == len(walmart.asked) <= 11


async def test_an_id_refused_before_is_asked_for_alone(open_client):
    """Halving again each time would cost ten calls; once accepted it is like any other."""
    bad = {"107"}
    client, _ = open_client(lambda asked: refusing(bad)(asked))
    await client.items(IDS[:20])

    second = await client.items(IDS[:20])
    bad.clear()
    third = await client.items(IDS[:20])
    fourth = await client.items(IDS[:20])

    assert (second.calls, list(second.invalid)) == (2, ["107"])
    assert (third.calls, third.invalid) == (2, {})
    assert (fourth.calls, answered(fourth)) == (1, IDS[:20])


@settings(suppress_health_check=SHARED, max_examples=50)
@given(bad=st.sets(st.sampled_from(IDS)), vanished=st.sets(st.sampled_from(IDS)))
def test_every_id_is_in_exactly_one_place(open_client, bad, vanished):
    """Whichever are refused and whichever are left out silently."""

    def answer(asked):
        if bad.intersection(asked.ids):
            return response(400, INVALID)
        known = [item_id for item_id in asked.ids if item_id not in vanished]
        return response(200, {"items": [{"itemId": int(item_id)} for item_id in known]})

    client, _ = open_client(answer)

    lookup = asyncio.run(client.items(IDS))

    assert set(lookup.invalid) == bad
    assert lookup.missing == vanished - bad
    assert answered(lookup) == sorted(set(IDS) - bad - vanished)
    assert lookup.failed == {}


@pytest.mark.parametrize("item_id", ["", "abc", "1,2", "12 ", "-1", "007", "1" * 21, "१२"])
async def test_what_is_no_item_id_is_refused_without_a_call(open_client, item_id):
    """It would only spoil the batch, or smuggle in other ids."""
    client, walmart = open_client()

    lookup = await client.items([item_id, "101"])

    assert [asked.ids for asked in walmart.asked] == [["101"]]
    assert isinstance(lookup.invalid[item_id], errors.InvalidItem)
    assert answered(lookup) == ["101"]


@pytest.mark.parametrize(
    "document", [{"items": []}, {"items": None}, {}, {"items": [], "message": "Not found"}]
)
async def test_items_left_out_silently_are_missing(open_client, document):
    """With an empty list or without any."""
    client, _ = open_client(lambda asked: response(200, document))

    lookup = await client.items(["101", "102"])

    assert lookup.missing == {"101", "102"}


async def test_unusable_entries_are_skipped_and_counted(open_client):
    """No object, no id, no usable id, or an item that nobody asked for."""
    entries = [
        None, 7, "101", [], {}, {"itemId": None}, {"itemId": True}, {"itemId": "x"},
        {"itemId": 1.5}, {"itemId": 999},
        {"itemId": 101}, {"itemId": "102"}, {"itemId": 103.0},
    ]  # fmt: skip
    client, _ = open_client(lambda asked: response(200, {"items": entries}))

    lookup = await client.items(["101", "102", "103", "104"])

    assert answered(lookup) == ["101", "102", "103"]
    assert lookup.missing == {"104"}
    assert lookup.malformed == 10


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (response(200, b"<html><body>sorry</body></html>"), errors.MalformedResponse),
        (response(200, b'{"items":[{"itemId":101},{"it'), errors.MalformedResponse),
        (response(200, {"items": {"itemId": 101}}), errors.MalformedResponse),
        (response(200, [{"itemId": 101}]), errors.MalformedResponse),
        (response(200, b""), errors.MalformedResponse),
        (response(200, {"errors": [{"code": 504}]}), errors.ServerUnavailable),
        (response(503, b"<html></html>"), errors.ServerUnavailable),
        (response(429, b""), errors.RateLimited),
        (errors.ConnectionLost("reset"), errors.ConnectionLost),
        (errors.RequestTimeout("slow"), errors.RequestTimeout),
    ],
)
async def test_a_passing_failure_is_tried_again_and_then_reported(open_client, reply, kind):
    """If it goes, nothing was lost; if it stays, the ids have failed with its class."""
    passing, _ = open_client(one_after_another(reply, items_of(FakeAsked(["101"]))))
    lasting, walmart = open_client(lambda asked: reply, attempts=3)

    healed = await passing.items(["101"])
    failed = await lasting.items(["101"])

    assert (answered(healed), healed.calls) == (["101"], 2)
    assert type(failed.failed["101"]) is kind
    assert failed.calls == len(walmart.asked) == 3


class FakeAsked:
    def __init__(self, ids):
        self.ids = ids


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (401, "Public Key not found", errors.KeyNotFound),
        (401, "Signature verification failed", errors.SignatureRejected),
        (403, "not subscribed to the service", errors.NotSubscribed),
    ],
)
async def test_what_needs_a_person_is_reported_after_one_call(open_client, status, text, kind):
    """It is neither tried again nor raised, nor taken for a bad item."""
    client, walmart = open_client(
        lambda asked: response(status, {"details": {"Description": text}})
    )

    lookup = await client.items(IDS[:20])

    assert len(walmart.asked) == 1
    assert {type(error) for error in lookup.failed.values()} == {kind}
    assert lookup.failed.keys() == set(IDS[:20])


async def test_one_failing_chunk_does_not_cost_the_others(open_client):
    """The second twenty are asked for although the first ones failed."""
    client, _ = open_client(
        lambda asked: DOWN if "101" in asked.ids else items_of(asked), attempts=1
    )

    lookup = await client.items(IDS)

    assert sorted(lookup.failed) == IDS[:20]
    assert answered(lookup) == IDS[20:]


@pytest.mark.parametrize("skew", [-4000.0, 250.0])
async def test_a_clock_that_is_wrong_is_corrected_by_the_servers_date(open_client, clock, skew):
    """Refused once, it measures the offset, signs anew and is accepted."""

    def answer(asked):
        server = asked.at + skew
        stamp = int(asked.headers["WM_CONSUMER.INTIMESTAMP"]) / 1000
        if abs(server - stamp) > 180:
            return response(401, EXPIRED, Date=http_date(server))
        return response(200, items_of(asked).body, Date=http_date(server))

    client, walmart = open_client(answer)

    lookup = await client.items(IDS)

    assert answered(lookup) == IDS
    assert lookup.calls == len(walmart.asked) == 4
    assert len({asked.headers["WM_QOS.CORRELATION_ID"] for asked in walmart.asked}) == 4


async def test_observations_have_walmarts_time(open_client):
    """A machine whose clock is wrong must neither make its answers late nor all others'."""
    client, _ = open_client(
        lambda asked: response(200, items_of(asked).body, Date=http_date(asked.at + 5000))
    )

    lookup = await client.items(IDS)

    assert all(NOON + 4990 <= answer.observed_at < NOON + 5060 for answer in lookup.answers)


async def test_a_clock_that_the_date_does_not_explain_is_tried_once(open_client):
    """Signed anew, in case the request was under way for too long; then a person is needed."""
    client, walmart = open_client(lambda asked: response(401, EXPIRED), latency=10)

    lookup = await client.items(["101"])

    first, second = (int(asked.headers["WM_CONSUMER.INTIMESTAMP"]) for asked in walmart.asked)
    assert second >= first + 10_000
    assert isinstance(lookup.failed["101"], errors.TimestampExpired)


@pytest.mark.parametrize(
    ("refusal", "pause"),
    [
        (response(429, b"", Retry_After="20"), 20),
        (response(429, b""), 5),
        (response(503, b"", Retry_After="30"), 30),
    ],
)
async def test_a_pause_that_walmart_wants_is_kept_by_everybody(open_client, refusal, pause):
    """Not only by the call that was refused; a 429 without advice is taken for some seconds."""
    client, walmart = open_client(
        lambda asked: refusal if "101" in asked.ids else items_of(asked), attempts=1
    )
    await client.items(["101"])

    lookup = await client.items(["102"])

    refused, next_one = walmart.asked
    assert answered(lookup) == ["102"]
    assert next_one.at >= refused.at + pause


async def test_calls_keep_to_the_rate(open_client):
    """Retries and halving included."""
    client, walmart = open_client(refusing({"107"}), rate=2.0)

    await client.items(IDS)

    moments = [asked.at for asked in walmart.asked]
    assert all(later - earlier >= 0.5 - 1e-6 for earlier, later in pairwise(moments))


async def test_no_call_beyond_the_daily_budget(open_client):
    """The rest fails without a call, and says when to come again."""
    client, walmart = open_client(budget=DailyBudget(2, now=NOON, ahead=2))

    lookup = await client.items(IDS)

    assert len(walmart.asked) == 2
    assert sorted(lookup.failed) == IDS[40:]
    error = lookup.failed["141"]
    assert isinstance(error, errors.DailyBudgetExhausted)
    assert error.retry_after == pytest.approx(43_200, abs=60)


async def test_the_budgets_pace_is_waited_for_if_that_is_soon(open_client):
    """Spread over the day, a call every ten seconds is no failure."""
    client, walmart = open_client(budget=DailyBudget(4320, now=NOON, ahead=1))

    lookup = await client.items(IDS)

    assert answered(lookup) == IDS
    moments = [asked.at for asked in walmart.asked]
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([10, 10], abs=0.1)


async def test_the_share_of_a_worker_can_be_set_at_any_time(open_client):
    """Both limits, also for a client without a budget of its own."""
    client, walmart = open_client()

    client.set_limits(0.5, 2)
    lookup = await client.items(IDS)
    client.set_limits(0.5, 1)
    again = await client.items(IDS[:20])

    moments = [asked.at for asked in walmart.asked]
    assert [b - a for a, b in pairwise(moments)] == pytest.approx([2, 2])
    assert sorted(lookup.failed) == IDS[40:]
    assert answered(again) == IDS[:20]


@settings(suppress_health_check=SHARED, max_examples=40)
@given(
    bad=st.sets(st.sampled_from(IDS), max_size=4),
    outages=st.lists(st.sampled_from(["down", "429", "expired", "fine"]), max_size=12),
    calls=st.integers(0, 30),
)
def test_whatever_fails_the_budget_holds(open_client, bad, outages, calls):
    """Retries, re-signing and halving all count; no id is lost from the result."""
    weather = iter(outages)

    def answer(asked):
        now = next(weather, "fine")
        if now == "down":
            return DOWN
        if now == "429":
            return response(429, b"")
        if now == "expired":
            return response(401, EXPIRED)
        return refusing(bad)(asked)

    client, walmart = open_client(answer)
    client.set_limits(5, calls)

    lookup = asyncio.run(client.items(IDS))

    assert len(walmart.asked) == lookup.calls <= calls
    places = [*answered(lookup), *lookup.missing, *lookup.invalid, *lookup.failed]
    assert sorted(places) == IDS


async def test_a_upc_may_have_several_items(open_client):
    """All of them are in the answer; the publisher is named."""
    client, walmart = open_client(
        lambda asked: response(200, {"items": [{"itemId": 1}, {"itemId": 2}]}), publisher_id="p"
    )

    by_upc = await client.items_by_upc("012345678905")
    await client.items_by_gtin("00012345678905")

    assert sorted(by_upc.items) == ["1", "2"]
    assert walmart.asked[0].params == {"upc": "012345678905", "publisherId": "p"}
    assert walmart.asked[1].params == {"gtin": "00012345678905", "publisherId": "p"}


async def test_an_unknown_upc_raises(open_client):
    """It is refused like an unknown item."""
    client, _ = open_client(lambda asked: response(400, INVALID))

    with pytest.raises(errors.InvalidItem):
        await client.items_by_upc("012345678905")


async def test_a_search_without_hits_is_an_empty_result(open_client):
    """Walmart leaves out ``items`` and adds a message."""
    document = {"query": "q", "totalResults": 0, "numItems": 0, "message": "Results not found!"}
    client, _ = open_client(lambda asked: response(200, document))

    result = await client.search("lskfdjsalfjk")

    assert (result.total, result.answer.items) == (0, {})


async def test_a_search_names_its_page(open_client):
    """Parameters that are not given are not sent."""
    client, walmart = open_client(
        lambda asked: response(200, {"totalResults": "3210", "items": [{"itemId": 5}]})
    )

    result = await client.search("ipod", start=26, count=10, sort="price", order="descending")

    assert (result.total, result.start, list(result.answer.items)) == (3210, 26, ["5"])
    assert walmart.asked[0].params == {
        "query": "ipod",
        "start": "26",
        "numItems": "10",
        "sort": "price",
        "order": "descending",
    }


@pytest.mark.parametrize(("start", "count"), [(0, 10), (1, 0), (1, 26), (990, 11)])
async def test_a_search_beyond_what_walmart_gives_is_refused_at_once(open_client, start, count):
    """That is a slip of the caller, and worth no call."""
    client, walmart = open_client()

    with pytest.raises(ValueError, match="can be asked for"):
        await client.search("ipod", start=start, count=count)

    assert walmart.asked == []


async def test_the_taxonomy_is_a_tree(open_client):
    """Leaves have no children key; entries that are no category are skipped."""
    document = {
        "categories": [
            {
                "id": "5438",
                "name": "Apparel",
                "path": "Apparel",
                "children": [{"id": "5438_1", "name": "Socks", "path": "Apparel/Socks"}, None],
            },
            {"name": "no id"},
        ]
    }
    client, _ = open_client(lambda asked: response(200, document))

    [apparel] = await client.taxonomy()

    assert (apparel.category_id, apparel.name) == ("5438", "Apparel")
    assert [child.path for child in apparel.children] == ["Apparel/Socks"]
    assert apparel.children[0].children == ()


NEXT = "/api-proxy/service/affil/product/v2/paginated/items?category=3944&maxId="


def page(item_id, **more):
    return response(200, {"items": [{"itemId": item_id}], "totalPages": "9", **more})


@pytest.mark.parametrize(
    "last", [page(3, nextPageExist=False), page(3, nextPage=None), page(3), response(200, {})]
)
async def test_pages_are_followed_to_the_last(open_client, last):
    """By the host-relative link, until there is none or the page is empty."""
    client, walmart = open_client(
        one_after_another(
            page(1, nextPage=f"{NEXT}1", nextPageExist=True),
            page(2, nextPage=f"{NEXT}2", nextPageExist=True),
            last,
        )
    )

    pages = [answer async for answer in client.paginated_items(category="3944", count=1)]

    assert [list(answer.items) for answer in pages][:2] == [["1"], ["2"]]
    assert [asked.url for asked in walmart.asked] == [
        f"{BASE}/paginated/items",
        f"https://walmart.test{NEXT}1",
        f"https://walmart.test{NEXT}2",
    ]
    assert walmart.asked[0].params == {"category": "3944", "count": "1"}
    assert walmart.asked[1].params == {}


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.test/x",
        "//evil.test/x",
        "/\\evil.test/x",
        "https://walmart.test.evil.test/x",
        "https://walmart.test@evil.test/x",
        "http://walmart.test/x",
        "file:///etc/passwd",
        "x",
    ],
)
async def test_a_link_to_another_host_is_not_followed(open_client, link):
    """The signed headers must not get there."""
    client, walmart = open_client(lambda asked: page(1, nextPage=link))

    with pytest.raises(errors.MalformedResponse, match="next page"):
        [answer async for answer in client.paginated_items()]

    assert len(walmart.asked) == 1


async def test_pages_that_go_round_in_circles_end(open_client):
    """A link seen before would never end."""
    client, walmart = open_client(lambda asked: page(1, nextPage=f"{NEXT}1"))

    with pytest.raises(errors.MalformedResponse, match="circles"):
        [answer async for answer in client.paginated_items()]

    assert len(walmart.asked) == 2


async def test_a_programming_error_is_not_hidden(open_client):
    """Only Walmart's failures end in a result."""

    def answer(asked):
        raise KeyError("bug")

    client, _ = open_client(answer)

    with pytest.raises(KeyError):
        await client.items(["101"])
