"""Failed proofs are counted by address, and slowed; right ones are not."""

from __future__ import annotations

import logging

import pytest
from aiohttp.test_utils import make_mocked_request

from walmart_stream.metrics import Metrics
from walmart_stream.web.failures import (
    BURST,
    LOG_INTERVAL,
    PER_MINUTE,
    UNIX_SOCKET,
    Failures,
    address_of,
)

TOKEN = "the-right-token-of-this-site"
RIGHT = {"Authorization": f"Bearer {TOKEN}"}
WRONG = {"Authorization": "Bearer wrong"}
INTERVAL = 60 / PER_MINUTE


class Clock:
    """Seconds that pass when a test says so."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def failures(clock) -> Failures:
    return Failures(Metrics(), clock)


def exhaust(failures: Failures, address: str) -> None:
    for _ in range(BURST):
        assert failures.add(address) == 0


def test_a_burst_is_within_the_allowance_and_no_more(failures) -> None:
    """The next one is told how long it takes until one is allowed again."""
    exhaust(failures, "192.0.2.1")

    assert failures.add("192.0.2.1") == pytest.approx(INTERVAL)


def test_the_allowance_comes_back_one_by_one(failures, clock) -> None:
    """After the time that was told, exactly one; trying before it costs nothing more."""
    exhaust(failures, "192.0.2.1")
    wait = max(failures.add("192.0.2.1") for _ in range(1000))

    clock.now += wait + 1e-6

    assert failures.add("192.0.2.1") == 0
    assert failures.add("192.0.2.1") > 0


def test_after_a_pause_the_allowance_is_whole_and_not_larger(failures, clock) -> None:
    """However long the pause was."""
    exhaust(failures, "192.0.2.1")

    clock.now += 86_400

    exhaust(failures, "192.0.2.1")
    assert failures.add("192.0.2.1") > 0


def test_addresses_do_not_use_up_each_others_allowance(failures) -> None:
    """One that guesses does not slow another that mistypes."""
    exhaust(failures, "192.0.2.1")

    exhaust(failures, "192.0.2.2")


def test_the_addresses_that_failed_last_are_remembered_and_no_others(clock) -> None:
    """Whoever has millions of addresses fills no memory with them."""
    failures = Failures(Metrics(), clock, addresses=3)
    exhaust(failures, "the one that goes on")

    for number in range(1000):
        failures.add(f"another {number}")
        assert failures.add("the one that goes on") > 0

    assert len(failures) == 3


def test_the_log_tells_of_an_address_once_in_a_while(failures, clock, caplog) -> None:
    """With how often it failed; who stays within the allowance is not worth a line."""
    with caplog.at_level(logging.DEBUG):
        exhaust(failures, "192.0.2.1")
        assert not caplog.records
        for _ in range(100):
            failures.add("192.0.2.1")
        clock.now += LOG_INTERVAL
        exhaust(failures, "192.0.2.1")
        failures.add("192.0.2.1")

    first, second = caplog.messages
    assert first.startswith(f"192.0.2.1 failed {BURST + 1} times")
    assert second.startswith(f"192.0.2.1 failed {99 + BURST + 1} times")


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", None, "192.0.2.7"),
        ("::ffff:192.0.2.7", None, "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", None, "2001:db8:1:2::/64"),
        ("fe80::1%eth0", None, "fe80::/64"),
        ("", None, UNIX_SOCKET),
        ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.1, 198.51.100.9", "198.51.100.9"),
        ("10.0.0.1", "203.0.113.1,198.51.100.9:4711", "198.51.100.9"),
        ("10.0.0.1", "[2001:db8:1:2::9]:4711", "2001:db8:1:2::/64"),
        ("10.0.0.1", "2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.9, x\x1b[2J", "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_behind_a_proxy_the_address_is_what_the_proxy_saw(peer, forwarded, address) -> None:
    """Not what its caller claims to be; an IPv6 address stands for its network."""
    request = request_of(peer, *([] if forwarded is None else [forwarded]))

    assert address_of(request, trust_proxy=True) == address


def test_of_several_headers_the_last_one_is_the_proxys() -> None:
    """Proxies that do not append to a header add another."""
    request = request_of("10.0.0.1", "203.0.113.1", "198.51.100.9")

    assert address_of(request, trust_proxy=True) == "198.51.100.9"


def test_without_a_trusted_proxy_the_peer_counts() -> None:
    """Anybody can write a header."""
    assert address_of(request_of("192.0.2.7", "198.51.100.9"), trust_proxy=False) == "192.0.2.7"


def request_of(peer: str, *forwarded: str):
    return make_mocked_request(
        "GET", "/", headers=[("X-Forwarded-For", value) for value in forwarded]
    ).clone(remote=peer)


async def test_wrong_tokens_are_slowed_and_the_right_one_is_not(open_site, clock) -> None:
    """From the very same address, all the time; and the metrics tell how often each came."""
    site = await open_site(web_token=TOKEN, monotonic=clock)

    for _ in range(BURST):
        await site.json("/api/stats", 401, headers=WRONG)
    async with site.client.get("/api/stats", headers=WRONG) as response:
        assert response.status == 429
        assert int(response.headers["Retry-After"]) == INTERVAL
        assert response.headers["Connection"] == "close"
        assert (await response.json())["error"]["code"] == "too_many_requests"
    await site.json("/api/stats", 429)
    await site.json("/api/stats", headers=RIGHT)
    await site.json("/livez")

    counted = site.metrics.snapshot()["walmart_web_failures_total"]
    assert counted == {"told": BURST, "slowed": 2}


async def test_who_waited_as_told_is_told_again_what_is_wrong(open_site, clock) -> None:
    """A 401, with the scheme that is due."""
    site = await open_site(web_token=TOKEN, monotonic=clock)
    for _ in range(BURST):
        await site.json("/api/stats", 401)
    async with site.client.get("/api/stats") as response:
        wait = int(response.headers["Retry-After"])

    clock.now += wait

    await site.json("/api/stats", 401)


async def test_forged_webhooks_are_slowed_and_right_ones_are_not(open_site, clock) -> None:
    """And tokens for webhooks with a wrong password likewise."""
    site = await open_site(walmart_webhook_secret=TOKEN, monotonic=clock)
    event = {"method": "POST", "json": {"eventType": "x"}}
    for _ in range(BURST):
        await site.json("/webhooks/walmart", 401, headers=WRONG, **event)

    await site.json("/webhooks/walmart", 429, headers=WRONG, **event)
    await site.json("/webhooks/walmart/token", 429, method="POST", headers=WRONG)
    await site.json("/webhooks/walmart", headers=RIGHT, **event)

    assert len(site.live.events) == 1


async def test_a_trusted_proxy_names_who_failed(open_site, clock) -> None:
    """So that one of its callers does not use up the allowance of all."""
    site = await open_site(web_token=TOKEN, web_trust_proxy=True, monotonic=clock)
    for _ in range(BURST):
        await site.json("/api/stats", 401, headers={"X-Forwarded-For": "198.51.100.9"})

    await site.json("/api/stats", 429, headers={"X-Forwarded-For": "203.0.113.5, 198.51.100.9"})
    await site.json("/api/stats", 401, headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.5"})


async def test_nobody_else_escapes_by_naming_other_addresses(open_site, clock) -> None:
    """The header is ignored where no proxy is trusted."""
    site = await open_site(web_token=TOKEN, monotonic=clock)
    for number in range(BURST):
        await site.json("/api/stats", 401, headers={"X-Forwarded-For": f"198.51.100.{number}"})

    await site.json("/api/stats", 429, headers={"X-Forwarded-For": "198.51.100.99"})
