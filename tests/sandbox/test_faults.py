"""Faults on demand: each kind, its probability, its count and its endpoint."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from random import Random

import aiohttp
import orjson
import pytest

from walmart_stream.sandbox.faults import FAULT, Faults, ServerError


async def test_latency_delays_the_answer(open_sandbox):
    """The call waits; others, to another endpoint, do not wait with it."""
    caller = await open_sandbox()
    await caller.arm(kind="latency", seconds=600, endpoint="items")
    [item_id] = await caller.ids(1)

    slow = asyncio.create_task(caller.get("items", ids=item_id))
    quick = await caller.get("taxonomy")

    assert quick.status == 200
    assert not slow.done()
    slow.cancel()


@pytest.mark.parametrize(
    ("sent", "received"), [(None, None), (7, "7"), ("Sun, 22 Nov 2026 12:00:00 GMT",) * 2]
)
async def test_429_comes_with_or_without_retry_after(open_sandbox, sent, received):
    """``retry_after`` is the header's value: seconds or a date; without it there is none."""
    caller = await open_sandbox()
    await caller.arm(kind="429", retry_after=sent)

    reply = await caller.get("taxonomy")

    assert reply.status == 429
    assert reply.headers.get("Retry-After") == received


async def test_server_errors_have_the_status_asked_for(open_sandbox):
    """Any 5xx, with an ``errors`` body; it strikes before the signature is looked at."""
    caller = await open_sandbox()
    await caller.arm(kind="5xx", status=504)

    reply = await caller.get("taxonomy", headers={})

    assert reply.status == 504
    assert reply.json()["errors"][0]["code"] == 504


@pytest.mark.parametrize("status", [200, 503])
async def test_an_html_page_comes_instead_of_json(open_sandbox, status):
    """The page of a network in front of a service that is down, or one that claims success."""
    caller = await open_sandbox()
    await caller.arm(kind="html", status=status)

    reply = await caller.get("taxonomy")

    assert (reply.status, reply.headers["Content-Type"]) == (status, "text/html")
    assert reply.body.startswith(b"<!DOCTYPE html>")


async def test_a_cut_body_is_half_the_json_and_no_truth(open_sandbox):
    """The HTTP message is whole, the JSON in it is not; nothing is recorded."""
    caller = await open_sandbox()
    ids = ",".join(await caller.ids(5))
    await caller.arm(kind="truncated", how="cut", remaining=1)

    cut = await caller.get("items", ids=ids)
    whole = await caller.get("items", ids=ids)

    assert (cut.status, cut.body) == (200, whole.body[: len(whole.body) // 2])
    with pytest.raises(orjson.JSONDecodeError):
        cut.json()
    assert len(await caller.truth()) == 5
    assert (await caller.stats())["incomplete"] == 1


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
async def test_a_hang_up_breaks_the_connection_and_is_no_truth(open_sandbox, encoding):
    """The server announces a length, sends half and closes; nothing is recorded."""
    caller = await open_sandbox()
    ids = ",".join(await caller.ids(20))
    await caller.arm(kind="truncated", how="close", remaining=1)
    headers = caller.signed() | {"Accept-Encoding": encoding}

    with pytest.raises(aiohttp.ClientPayloadError):
        await caller.get("items", headers=headers, ids=ids)

    assert await caller.truth() == []
    assert (await caller.get("items", ids=ids)).status == 200


async def test_a_clock_shift_moves_the_date_header_and_the_signature_check(open_sandbox):
    """A client that signs by the server's Date passes; one that trusts its own clock does not."""
    caller = await open_sandbox()
    await caller.arm(kind="clock_shift", milliseconds=-400_000)

    own_clock = await caller.get("taxonomy")
    date = parsedate_to_datetime(own_clock.headers["Date"]).timestamp()
    stamp = int(date * 1000)
    server_clock = await caller.get("taxonomy", headers=caller.signed(timestamp_ms=stamp))

    assert own_clock.status == 401
    assert "has expired" in own_clock.description
    assert date == caller.clock() - 400
    assert server_clock.status == 200


async def test_items_can_vanish_from_the_catalogue(open_sandbox):
    """A vanished item is unknown, until the fault is disarmed."""
    caller = await open_sandbox(batch_mode="omit")
    gone, kept = await caller.ids(2)
    await caller.arm(kind="unknown_items", item_ids=[int(gone)])

    during = await caller.get("items", ids=f"{gone},{kept}")
    await caller.control("DELETE", "faults")
    after = await caller.get("items", ids=f"{gone},{kept}")

    assert [str(item["itemId"]) for item in during.json()["items"]] == [kept]
    assert [str(item["itemId"]) for item in after.json()["items"]] == [gone, kept]


async def test_a_fault_strikes_its_endpoint_as_often_as_it_may(open_sandbox):
    """``endpoint`` and ``remaining`` bound it; the list shows what is still armed."""
    caller = await open_sandbox()
    armed = await caller.arm(kind="5xx", endpoint="search", remaining=2)

    taxonomy = (await caller.get("taxonomy")).status
    searches = [(await caller.get("search", query="tv")).status for _ in range(2)]
    listed = (await caller.control("GET", "faults")).json()["faults"]
    last = (await caller.get("search", query="tv")).status

    assert armed.status == 201
    assert (taxonomy, searches, last) == (200, [503, 503], 200)
    assert listed == []


async def test_faults_are_listed_and_disarmed_one_by_one_or_all(open_sandbox):
    """Each has a number; ``id`` disarms that one."""
    caller = await open_sandbox()
    first = (await caller.arm(kind="5xx", probability=0)).json()["id"]
    await caller.arm(kind="429", probability=0)
    await caller.arm(kind="html", probability=0)

    one = (await caller.control("DELETE", "faults", id=first)).json()
    listed = (await caller.control("GET", "faults")).json()["faults"]
    rest = (await caller.control("DELETE", "faults")).json()

    assert (one, rest) == ({"disarmed": 1}, {"disarmed": 2})
    assert [fault["kind"] for fault in listed] == ["429", "html"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "plague"},
        {"kind": "5xx", "status": 404},
        {"kind": "latency"},
        {"kind": "429", "probability": 2},
        {"kind": "missing_fields", "fields": ["itemId"]},
        {"kind": "truncated", "surprise": 1},
    ],
)
async def test_a_fault_that_makes_no_sense_is_refused(open_sandbox, body):
    """Unknown kinds, fields and values are a 400 that says which."""
    caller = await open_sandbox()

    reply = await caller.control("POST", "faults", body)

    assert (reply.status, reply.json()["error"]["code"]) == (400, "bad_request")


def test_probability_is_a_share_that_a_seed_repeats():
    """About that share of many requests is struck, the same ones for the same seed."""

    def strikes() -> list[bool]:
        faults = Faults(Random(5))
        faults.arm(FAULT.validate_python({"kind": "5xx", "probability": 0.3}))
        return [faults.strike(ServerError, "items") is not None for _ in range(1000)]

    first, second = strikes(), strikes()

    assert first == second
    assert 250 < sum(first) < 350
