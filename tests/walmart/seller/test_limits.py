"""Walmart's own count of calls is followed, in whatever spelling and unit it comes."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from tests.walmart.prepared import NOON, HandClock, http_date
from tests.walmart.seller_server import fault, reply
from walmart_stream.walmart.errors import RateLimited
from walmart_stream.walmart.seller.bucket import SellerBucket
from walmart_stream.walmart.seller.throttle import Advice, read_advice

IN_90_S = datetime.fromtimestamp(NOON + 90, UTC)


@pytest.mark.parametrize(
    "name",
    ["x-next-replenish-time", "X-Next-Replenish-Time", "X-Next-Replenishment-Time"],
)
@pytest.mark.parametrize(
    "value",
    [
        f"{(NOON + 90) * 1000:.0f}",
        f"{(NOON + 90) * 1e6:.0f}",
        f"{NOON + 90:.0f}",
        f"{NOON + 90:.3f}",
        "90",
        IN_90_S.isoformat(),
        IN_90_S.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        IN_90_S.replace(tzinfo=None).isoformat(),
        IN_90_S.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        format_datetime(IN_90_S, usegmt=True),
    ],
)
def test_the_next_call_is_read_in_every_unit(name, value):
    """Epoch seconds, milliseconds and more, ISO 8601, an HTTP date, or plain seconds."""
    headers = CIMultiDict({name: value, "X-Current-Token-Count": " 0 "})

    assert read_advice(headers, NOON) == Advice(0, 90)


@pytest.mark.parametrize(
    ("count", "left"),
    [("7", 7), ("7.9", 7), ("-1", 0), ("0", 0), ("", None), ("many", None), ("1e3", None)],
)
def test_the_count_is_a_whole_number(count, left):
    """Any other value is ignored."""
    assert read_advice({"x-current-token-count": count}, NOON).left == left


@pytest.mark.parametrize(
    ("at", "wait"),
    [
        (f"{(NOON - 30) * 1000:.0f}", 0.0),
        (f"{(NOON - 90) * 1000:.0f}", None),
        (f"{(NOON + 1e6) * 1000:.0f}", 3600.0),
        ("soon", None),
        ("99999999999999999999", None),
    ],
)
def test_a_time_that_makes_no_sense_stops_nothing_for_long(at, wait):
    """Just passed is now; long passed is unknown; nothing is more than an hour away."""
    assert read_advice({"x-next-replenish-time": at}, NOON).wait == wait


@given(
    st.dictionaries(st.sampled_from(["x-current-token-count", "x-next-replenish-time"]), st.text())
)
def test_no_header_is_too_odd(headers):
    """Advice is read or it is not there."""
    left, wait = read_advice(headers, NOON)

    assert left is None or left >= 0
    assert wait is None or 0 <= wait <= 3600


def bucket_of(calls, seconds):
    clock = HandClock()
    return SellerBucket(calls, seconds, clock=clock, sleep=clock.sleep), clock


async def test_the_first_answer_tells_how_many_may_follow():
    """Until then one call is all that is known to be allowed."""
    bucket, clock = bucket_of(20, 3600)
    first = await bucket.acquire(1e6)
    bucket.settle(first, Advice(4, 180))

    for _ in range(4):
        bucket.settle(await bucket.acquire(1e6))
    at_once = clock.now - NOON
    await bucket.acquire(1e6)

    assert at_once == 0
    assert clock.now - NOON == pytest.approx(180)


async def test_without_headers_the_documented_limit_is_kept():
    """Twenty an hour: one in three minutes, and no burst before time has passed."""
    bucket, clock = bucket_of(20, 3600)

    for _ in range(3):
        bucket.settle(await bucket.acquire(1e6))

    assert clock.now - NOON == pytest.approx(360)


async def test_an_empty_bucket_waits_until_walmart_says():
    """Sooner or later than the documented refill."""
    for wait in (5, 400):
        bucket, clock = bucket_of(20, 3600)
        bucket.settle(await bucket.acquire(1e6), Advice(0, wait))

        await bucket.acquire(1e6)

        assert clock.now - NOON == pytest.approx(wait)


async def test_calls_in_flight_are_taken_off_the_count():
    """Walmart may not have seen them when it counted; answers that overtake change nothing."""
    bucket, clock = bucket_of(100, 3600)
    bucket.settle(await bucket.acquire(1e6), Advice(3, 36))
    first, second = await bucket.acquire(1e6), await bucket.acquire(1e6)

    # Counted before the first one was.
    bucket.settle(second, Advice(2, 36))
    bucket.settle(first, Advice(1, 36))

    await bucket.acquire(1e6)
    assert clock.now == NOON
    with pytest.raises(RateLimited):
        await bucket.acquire(1)


async def test_a_count_above_our_sum_is_believed():
    """Walmart may refill faster than its table says, or have forgiven some calls."""
    bucket, clock = bucket_of(100, 3600)
    bucket.settle(await bucket.acquire(1e6), Advice(2, 36))
    first, second = await bucket.acquire(1e6), await bucket.acquire(1e6)
    bucket.settle(first, Advice(50, 36))
    bucket.settle(second, Advice(50, 36))

    for _ in range(49):
        await bucket.acquire(1e6)

    assert clock.now == NOON


async def test_a_pause_is_not_shortened_by_other_answers():
    """Retry-After counts for the endpoint, whatever else is on its way."""
    bucket, clock = bucket_of(100, 3600)
    bucket.settle(await bucket.acquire(1e6), Advice(10, 36))
    first, second = await bucket.acquire(1e6), await bucket.acquire(1e6)

    bucket.refuse(first, 60)
    bucket.settle(second, Advice(90, 36))
    await bucket.acquire(1e6)

    assert clock.now - NOON == pytest.approx(60)


async def test_a_call_that_would_wait_too_long_says_when_it_may_come():
    """Instead of holding its caller for an hour."""
    bucket, _ = bucket_of(1, 60)
    bucket.settle(await bucket.acquire(10))

    with pytest.raises(RateLimited) as caught:
        await bucket.acquire(10)

    assert caught.value.retry_after == pytest.approx(60)


class Walmart:
    """A bucket as Walmart keeps it, and its headers."""

    def __init__(self, calls, seconds, clock):
        self.calls, self.rate, self.clock = calls, calls / seconds, clock
        self.tokens, self.at = float(calls), clock()
        self.refused = self.served = 0

    def call(self):
        self.refill()
        if self.tokens < 1 - 1e-6:
            self.refused += 1
            return False
        self.tokens -= 1
        self.served += 1
        return True

    def advice(self):
        self.refill()
        missing = int(self.tokens + 1e-6) + 1 - self.tokens
        return Advice(int(self.tokens + 1e-6), missing / self.rate)

    def refill(self):
        now = self.clock()
        self.tokens = min(self.calls, self.tokens + (now - self.at) * self.rate)
        self.at = now


@given(st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 8), st.booleans())
async def test_no_call_is_too_many_whatever_overtakes_what(seed, calls, tasks, told):
    """Requests and answers take their time on the way; with or without headers."""
    random = Random(seed)
    clock = HandClock()
    walmart = Walmart(calls, 60, clock)
    bucket = SellerBucket(calls, 60, clock=clock, sleep=clock.sleep)

    async def way():
        for _ in range(random.randrange(4)):
            clock.now += random.random() * 0.5
            await asyncio.sleep(0)

    async def work():
        for _ in range(10):
            number = await bucket.acquire(1e9)
            await way()
            assert walmart.call()
            advice = walmart.advice()
            asked_at = clock.now
            await way()
            late = max(0.0, (advice.wait or 0) - (clock.now - asked_at))
            bucket.settle(number, Advice(advice.left, late) if told else Advice())

    await asyncio.gather(*(work() for _ in range(tasks)))

    assert walmart.served == 10 * tasks


async def test_a_limit_that_others_use_up_too_is_kept_by_the_headers(open_seller, clock):
    """Four tasks and a stranger share 60 calls a minute: refused calls stay rare, all succeed."""
    walmart = Walmart(60, 60, clock)
    random = Random(3)

    def answer(asked):
        if random.random() < 0.3:
            walmart.call()
            walmart.refused = 0
        served = walmart.call()
        left, wait = walmart.advice()
        headers = {
            "x-current-token-count": str(left),
            "x-next-replenish-time": f"{(clock.now + wait) * 1000:.0f}",
        }
        if not served:
            return fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", **headers)
        return reply({"ItemResponse": [{"sku": "A"}]}, **headers)

    client, server = await open_seller(answer, attempts=10)

    async def work():
        for _ in range(50):
            await client.items.get("A")

    await asyncio.gather(*(work() for _ in range(4)))

    assert walmart.served >= 200
    assert len(server.asked) < 240


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "7", "x_next_replenish_time": "90"}, 7.0),
        ({"retry_after": http_date(NOON + 8), "date": http_date(NOON)}, 8.0),
        ({"x_next_replenish_time": "90"}, 90.0),
        ({"x_current_token_count": "0"}, 60.0),
        ({}, 60.0),
    ],
)
async def test_a_429_pauses_for_as_long_as_walmart_says(open_seller, clock, headers, pause):
    """Retry-After before the next token's time before a minute; and a little by chance."""
    replies = [fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP_GATEWAY_API", **headers)]
    client, server = await open_seller(
        lambda asked: replies.pop() if replies else reply({"ItemResponse": [{"sku": "A"}]})
    )

    await client.items.get("A")

    first, second = (asked.at for asked in server.asked)
    assert pause < second - first < pause * 1.05 + 0.6


async def test_a_429_with_a_long_pause_is_given_back_with_its_length(open_seller):
    """The caller has other things to do; the endpoint stays closed meanwhile."""
    client, server = await open_seller(
        lambda asked: fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP", retry_after="3000")
    )

    for _ in range(2):
        with pytest.raises(RateLimited) as caught:
            await client.items.get("A")
        assert caught.value.retry_after > 2900

    assert len(server.asked) == 1


async def test_a_429_that_says_nothing_is_given_back_with_our_own_pause(open_seller):
    """Whoever catches it need not guess."""
    client, _ = await open_seller(lambda asked: fault(429, "?"), attempts=1)

    with pytest.raises(RateLimited) as caught:
        await client.items.get("A")

    assert 60 <= caught.value.retry_after <= 66


async def test_endpoints_have_limits_of_their_own(open_seller, clock):
    """A pause of one does not hold up another."""
    client, _ = await open_seller(
        lambda asked: (
            reply({"quantity": {"amount": 2}})
            if asked.path == "/v3/inventory"
            else fault(429, "REQUEST_THRESHOLD_VIOLATED.GMP", retry_after="3000")
        )
    )
    with pytest.raises(RateLimited):
        await client.items.get("A")

    await client.inventory.get("A")

    assert clock.now - NOON < 1


@pytest.mark.parametrize("offset", [-7200.0, 300.0])
async def test_a_clock_that_is_wrong_does_not_spoil_the_wait(open_seller, clock, offset):
    """The time of the next call is Walmart's; its Date header tells how far we are from it."""
    replies = [
        fault(
            429,
            "REQUEST_THRESHOLD_VIOLATED.GMP",
            x_next_replenish_time=f"{(NOON + offset + 30) * 1000:.0f}",
        )
    ]

    def answer(asked):
        response = replies.pop() if replies else reply({"ItemResponse": [{"sku": "A"}]})
        response.headers["Date"] = http_date(asked.at + offset)
        return response

    client, server = await open_seller(answer)

    await client.items.get("A")

    assert server.asked[1].at - server.asked[0].at == pytest.approx(31.5, abs=2.5)
