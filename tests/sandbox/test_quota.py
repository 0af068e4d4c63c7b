"""The quota: calls a second, calls a day, both scaled by the speed."""

from __future__ import annotations

import asyncio

from walmart_stream.sandbox.affiliate.quota import Quota


def test_the_bucket_holds_one_second_and_refills_gradually():
    """Five calls at once, then one more for every fifth of a second."""
    now = [1000.0]
    quota = Quota(5, 5000, lambda: now[0])

    burst = [quota.take() for _ in range(6)]
    now[0] += 0.25
    later = [quota.take() for _ in range(2)]

    assert burst == [True] * 5 + [False]
    assert later == [True, False]
    assert (quota.used_today, quota.refused) == (6, 2)


def test_the_day_ends_at_midnight_utc():
    """The daily count starts anew when the UTC date changes."""
    now = [86_400 * 20_000 - 10.0]
    quota = Quota(100, 3, lambda: now[0])

    today = [quota.take() for _ in range(4)]
    now[0] += 10
    tomorrow = quota.take()

    assert today == [True, True, True, False]
    assert tomorrow


async def test_calls_beyond_the_quota_are_answered_429(open_sandbox):
    """The sixth call within a second is refused and counted; a signature failure is not counted."""
    caller = await open_sandbox(calls_per_second=5.0)
    headers = caller.signed()

    refused = await caller.get("taxonomy", headers={})
    replies = await asyncio.gather(*(caller.get("taxonomy", headers=headers) for _ in range(6)))

    stats = await caller.stats()
    assert refused.status == 403
    assert sorted(reply.status for reply in replies) == [200] * 5 + [429]
    assert all("Retry-After" not in reply.headers for reply in replies)
    assert stats["over_quota"] == 1
    assert stats["statuses"] == {"200": 5, "403": 1, "429": 1}


async def test_speed_multiplies_both_limits(open_sandbox):
    """At speed 4, a consumer of 5 a second and 6 a day has 20 a second and 24 a day."""
    caller = await open_sandbox(calls_per_second=5.0, calls_per_day=6, speed=4.0)
    headers = caller.signed()

    async def successes() -> int:
        calls = (caller.get("taxonomy", headers=headers) for _ in range(21))
        return sum(reply.status == 200 for reply in await asyncio.gather(*calls))

    first = await successes()
    caller.clock.now += 1
    second = await successes()

    assert (first, second) == (20, 4)
