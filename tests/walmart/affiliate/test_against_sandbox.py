"""The client against the sandbox over real HTTP; both live by the same hand-moved clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Any

import aiohttp
import orjson
import pytest

from tests.walmart.prepared import CONSUMER, HandClock
from walmart_stream.sandbox import RunningSandbox, SandboxConfig, generate_keypair, serve
from walmart_stream.walmart import errors
from walmart_stream.walmart.affiliate.client import AffiliateClient, Lookup
from walmart_stream.walmart.affiliate.signing import Signer
from walmart_stream.walmart.bucket import TokenBucket
from walmart_stream.walmart.retry import RetryPolicy
from walmart_stream.walmart.transport import AiohttpTransport

UNKNOWN = "999999999999"


@dataclass
class Shop:
    """A sandbox, a client for it, and the sandbox's control."""

    sandbox: RunningSandbox
    client: AffiliateClient
    http: aiohttp.ClientSession
    clock: HandClock

    async def control(self, method: str, path: str, body: Any = None) -> bytes:
        url = f"{self.sandbox.control_url}/{path}"
        async with self.http.request(method, url, json=body) as reply:
            assert reply.status < 300
            return await reply.read()

    async def ids(self) -> list[str]:
        document = orjson.loads(await self.control("GET", "items"))
        return [item["item_id"] for item in document["items"]]

    async def some_upc(self) -> tuple[str, str]:
        item = orjson.loads(await self.control("GET", "items?limit=1"))["items"][0]
        return item["item_id"], item["upc"]

    async def truth(self) -> dict[tuple[str, str], Any]:
        """The items served whole and correct: (correlation id, item id) to the item."""
        lines = (await self.control("GET", "truth?limit=100000")).splitlines()
        records = map(orjson.loads, lines)
        return {(line["correlation_id"], line["item_id"]): line["payload"] for line in records}

    async def stats(self) -> dict[str, Any]:
        return orjson.loads(await self.control("GET", "stats"))

    async def arm(self, **fault: Any) -> None:
        await self.control("POST", "faults", fault)


def received(lookup: Lookup) -> dict[tuple[str, str], Any]:
    return {
        (answer.request_id, item_id): orjson.loads(item)
        for answer in lookup.answers
        for item_id, item in answer.items.items()
    }


OpenShop = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def open_shop(keypair: tuple[str, str]) -> AsyncIterator[OpenShop]:
    opened: list[Shop] = []
    async with aiohttp.ClientSession() as http:

        async def start(
            *,
            consumer: str = CONSUMER,
            version: str = "1",
            private_pem: str = keypair[0],
            rate: float = 5.0,
            **config: Any,
        ) -> Shop:
            clock = HandClock()
            sandbox = await serve(
                SandboxConfig(
                    consumer_id=CONSUMER,
                    public_keys={"1": keypair[1]},
                    clock=clock,
                    **{"items": 60, **config},
                )
            )
            numbers = count(1)
            client = AffiliateClient(
                AiohttpTransport(),
                Signer(consumer, version, private_pem),
                base_url=sandbox.url,
                bucket=TokenBucket(rate, clock=clock, sleep=clock.sleep),
                retry=RetryPolicy(clock=clock, sleep=clock.sleep, random=Random(1).random),
                clock=clock,
                new_request_id=lambda: f"request-{next(numbers)}",
            )
            opened.append(Shop(sandbox, client, http, clock))
            return opened[-1]

        yield start
        for shop in opened:
            await shop.client.close()
            await shop.sandbox.stop()


async def test_every_item_arrives_as_it_was_served(open_shop):
    """Under the id of the request that fetched it, equal to the sandbox's own record."""
    shop = await open_shop()

    lookup = await shop.client.items(await shop.ids())

    assert len(received(lookup)) == 60
    assert received(lookup) == await shop.truth()
    assert (lookup.calls, lookup.malformed) == (3, 0)


@pytest.mark.parametrize(("mode", "place"), [("fail", "invalid"), ("omit", "missing")])
async def test_an_unknown_item_costs_no_other(open_shop, mode, place):
    """Whether Walmart fails the batch or leaves the item out."""
    shop = await open_shop(batch_mode=mode)
    ids = (await shop.ids())[:19]

    lookup = await shop.client.items([*ids[:7], UNKNOWN, *ids[7:]])

    assert sorted(item_id for _, item_id in received(lookup)) == sorted(ids)
    assert list(getattr(lookup, place)) == [UNKNOWN]
    assert received(lookup) == await shop.truth()


async def test_an_answer_without_items_means_that_all_are_missing(open_shop):
    """The ``items`` key itself may be left out."""
    shop = await open_shop(batch_mode="omit", empty_items_key=False)

    lookup = await shop.client.items([UNKNOWN])

    assert lookup.missing == {UNKNOWN}


async def test_the_sandbox_never_has_to_refuse_for_the_quota(open_shop):
    """Forty calls as fast as the client makes them, at the full rate."""
    shop = await open_shop()
    ids = await shop.ids()

    for _ in range(40):
        await shop.client.items(ids[:20])

    stats = await shop.stats()
    assert (stats["calls"], stats["ok"], stats["over_quota"]) == (40, 40, 0)


async def test_a_signature_is_renewed_before_it_expires(open_shop):
    """Ten minutes with a call every 50 seconds: none is refused."""
    shop = await open_shop()
    ids = await shop.ids()

    for _ in range(12):
        shop.clock.now += 50
        assert (await shop.client.items(ids[:20])).failed == {}

    assert (await shop.stats())["statuses"] == {"200": 12}


@pytest.mark.parametrize("shift", [-3_600_000, 400_000])
async def test_a_clock_that_differs_costs_one_call(open_shop, shift):
    """The offset is measured on the refusal, and kept."""
    shop = await open_shop()
    await shop.arm(kind="clock_shift", milliseconds=shift)
    ids = await shop.ids()

    lookup = await shop.client.items(ids)

    assert len(received(lookup)) == 60
    assert (await shop.stats())["statuses"] == {"200": 3, "401": 1}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"version": "2"}, errors.KeyNotFound),
        ({"consumer": "somebody-else"}, errors.NotSubscribed),
        ({"private_pem": generate_keypair()[0]}, errors.SignatureRejected),
    ],
    ids=["version", "consumer", "key"],
)
async def test_wrong_credentials_are_told_apart(open_shop, settings, kind):
    """One call, and the class says which setting to look at."""
    shop = await open_shop(**settings)

    lookup = await shop.client.items((await shop.ids())[:20])

    assert {type(error) for error in lookup.failed.values()} == {kind}
    assert lookup.calls == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "429"},
        {"kind": "429", "retry_after": 7},
        {"kind": "5xx", "status": 504},
        {"kind": "html", "status": 503},
        {"kind": "html", "status": 200},
        {"kind": "truncated", "how": "cut"},
        {"kind": "truncated", "how": "close"},
    ],
    ids=lambda fault: "-".join(str(value) for value in fault.values()),
)
async def test_a_passing_fault_is_got_over(open_shop, fault):
    """Tried again, the items arrive; nothing is in the truth that did not."""
    shop = await open_shop()
    await shop.arm(**fault, remaining=1)
    ids = await shop.ids()

    lookup = await shop.client.items(ids[:20])

    assert lookup.calls == 2
    assert len(received(lookup)) == 20
    assert received(lookup) == await shop.truth()


async def test_retry_after_is_waited_for(open_shop):
    """By the clock that both share."""
    shop = await open_shop()
    before = shop.clock.now
    await shop.arm(kind="429", retry_after=30, remaining=1)

    await shop.client.items((await shop.ids())[:20])

    assert shop.clock.now >= before + 30


async def test_nothing_is_lost_in_a_storm_of_faults(open_shop):
    """Whatever was served whole was taken, and whatever was taken had been served so."""
    shop = await open_shop()
    for fault in (
        {"kind": "429"},
        {"kind": "5xx"},
        {"kind": "html", "status": 200},
        {"kind": "truncated", "how": "cut"},
        {"kind": "truncated", "how": "close"},
        {"kind": "missing_fields"},
        {"kind": "clock_shift", "milliseconds": 500_000},
    ):
        await shop.arm(**fault, probability=0.12)
    ids = await shop.ids()

    taken = {}
    for _ in range(15):
        lookup = await shop.client.items([*ids, UNKNOWN])
        taken |= received(lookup)
        assert {error.__class__ for error in lookup.invalid.values()} <= {errors.InvalidItem}

    assert taken == await shop.truth()
    assert len(taken) > 100


async def test_a_lasting_outage_fails_and_does_not_raise(open_shop):
    """Every id is named with the reason."""
    shop = await open_shop()
    await shop.arm(kind="5xx", status=503)
    ids = await shop.ids()

    lookup = await shop.client.items(ids[:20])

    assert lookup.failed.keys() == set(ids[:20])
    assert {type(error) for error in lookup.failed.values()} == {errors.ServerUnavailable}


async def test_a_rotated_key_is_reported_until_the_settings_follow(open_shop):
    """The old version is unknown from then on."""
    shop = await open_shop()
    ids = (await shop.ids())[:20]
    assert (await shop.client.items(ids)).failed == {}

    new = {"public_key": generate_keypair()[1], "version": "2", "retire_others": True}
    await shop.control("POST", "rotate-key", new)
    lookup = await shop.client.items(ids)

    assert {type(error) for error in lookup.failed.values()} == {errors.KeyNotFound}


async def test_a_wrong_base_url_is_reported_as_such(open_shop, keypair):
    """The path leads nowhere; no item is blamed, and no halving tried."""
    shop = await open_shop()
    client = AffiliateClient(
        AiohttpTransport(),
        Signer(CONSUMER, "1", keypair[0]),
        base_url=f"{shop.sandbox.url}/v3",
        bucket=TokenBucket(5, clock=shop.clock, sleep=shop.clock.sleep),
        retry=RetryPolicy(clock=shop.clock, sleep=shop.clock.sleep, random=lambda: 0.5),
        clock=shop.clock,
        new_request_id=lambda: "r",
    )

    lookup = await client.items((await shop.ids())[:20])

    await client.close()
    assert {type(error) for error in lookup.failed.values()} == {errors.NotFound}
    assert (lookup.calls, lookup.invalid) == (1, {})


async def test_items_are_found_by_upc(open_shop):
    """And an unknown one is an error of its own."""
    shop = await open_shop()
    item_id, upc = await shop.some_upc()

    answer = await shop.client.items_by_upc(upc)

    assert item_id in answer.items
    with pytest.raises(errors.InvalidItem):
        await shop.client.items_by_upc("000000000000")


async def test_search_and_its_empty_result(open_shop):
    """Hits with their total; none without an error."""
    shop = await open_shop()

    some = await shop.client.search("a", count=3)
    none = await shop.client.search("lskfdjsalfjk")

    assert some.total >= len(some.answer.items) > 0
    assert (none.total, none.answer.items) == (0, {})


async def test_the_taxonomy_has_three_levels(open_shop):
    """And one category can be asked for."""
    shop = await open_shop()

    top = await shop.client.taxonomy()
    [one] = await shop.client.taxonomy(top[0].category_id)

    assert top[0].children[0].children[0].children == ()
    assert one == top[0]


async def test_the_catalogue_is_read_to_its_end(open_shop):
    """Every item once, over as many pages as it takes."""
    shop = await open_shop()

    pages = [answer async for answer in shop.client.paginated_items(count=25)]

    assert [len(page.items) for page in pages] == [25, 25, 10]
    assert sorted(item_id for page in pages for item_id in page.items) == sorted(await shop.ids())
