"""The figures of all workers: those that answer, and those that do not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.web.conftest import MemoryLive
from walmart_stream.domain.freshness import freshness
from walmart_stream.web import system_outputs
from walmart_stream.web.group import Group
from walmart_stream.web.limits import LIMITS
from walmart_stream.web.system import sight

FIGURES = {
    "version": "1.0",
    "ready": True,
    "uptime_seconds": 60.0,
    "partitions": [0, 1],
    "lag": {"walmart-competitor-data": 3},
    "parked": [],
    "health": {"newest_observation_age_seconds": 1.5, "warnings": ["clock: ahead"]},
    "polling": {"enabled": True, "watched_items": 2, "calls_today": 10, "calls_left_today": 30},
    "freshness": {**freshness([10.0, 400.0], 2), "late": []},
    "counters": {
        "walmart_poll_errors_total": {"ReadTimeout": 2.0},
        "walmart_dead_letters_total": {"process": 1.0},
        "process_resident_memory_bytes": {"": 2.0**20},
    },
}


@pytest.fixture
async def pair(open_site):
    """Two workers that know of each other."""
    sites = [await open_site(MemoryLive(figures=FIGURES)) for _ in range(2)]
    for site in sites:
        site.app.router.members = [site.url for site in sites]
    return sites


async def test_a_worker_adds_up_all_of_them(pair) -> None:
    """Whichever is asked."""
    for site in pair:
        found = await site.json("/api/system")

        system_outputs.System.model_validate(found)
        assert len(found["workers"]) == 2
        assert found["silent"] == []
        assert found["lag"] == {"walmart-competitor-data": 6}
        assert found["quota"] == {
            "calls_today": 20,
            "calls_left_today": 60,
            "calls_yesterday": 0,
            "share": 0.25,
        }
        assert found["request_errors"] == [
            {"side": "affiliate", "error": "ReadTimeout", "count": 4}
        ]
        assert found["dead_letters"] == {"process": 2}
        assert found["freshness"]["items"] == 4
        assert found["workers"][0]["process"]["memory_bytes"] == 2**20


async def test_a_worker_that_is_gone_is_named(pair) -> None:
    """The others are shown."""
    asked, _ = pair
    asked.app.router.members = [asked.url, "http://127.0.0.1:1", "not an address"]

    found = await asked.json("/api/system")

    assert len(found["workers"]) == 1
    assert found["silent"] == ["127.0.0.1:1: ClientConnectorError"]


async def test_a_slow_worker_is_not_waited_for(open_site) -> None:
    """It has its time, and then it is named."""
    never = asyncio.Event()

    async def hang(reader, writer):
        await never.wait()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    site = await open_site(MemoryLive(figures=FIGURES), worker_patience=0.05)
    site.app.router.members = [f"http://127.0.0.1:{port}"]

    found = await site.json("/api/system")

    assert found["silent"] == [f"127.0.0.1:{port}: no answer in 0.05 s"]
    never.set()
    server.close()


async def test_an_answer_that_is_none_of_ours_is_not_shown(open_site) -> None:
    """Status, type and form are looked at first."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    site = await open_site(MemoryLive(figures=FIGURES))
    site.app.router.members = [f"http://127.0.0.1:{port}"]

    assert (await site.json("/api/system"))["silent"] == [f"127.0.0.1:{port}: not JSON"]
    server.close()


async def test_a_worker_of_another_release_says_less(open_site) -> None:
    """Null is what it does not say; nothing breaks."""
    site = await open_site(MemoryLive(figures={"polling": {"calls_today": "many"}}))

    found = await site.json("/api/system")

    assert found["workers"][0]["version"] is None
    assert found["quota"]["share"] is None
    assert found["freshness"]["items"] == 0


async def test_the_token_goes_along(open_site) -> None:
    """Workers of one deployment have the same one; with another one the worker is named."""
    token = "token-of-the-web-views"
    other = await open_site(MemoryLive(figures=FIGURES), web_token=token)
    stranger = await open_site(MemoryLive(figures=FIGURES), web_token="another-token-of-theirs")
    asked = await open_site(MemoryLive(figures=FIGURES), web_token=token)
    asked.app.router.members = [other.url, stranger.url]

    found = await asked.json("/api/system", headers={"Authorization": f"Bearer {token}"})

    assert len(found["workers"]) == 2
    assert [text.split(": ")[1] for text in found["silent"]] == ["status 401"]


async def test_workers_that_wait_for_each_other_answer(pair) -> None:
    """Each holds all of its turns for pages that ask the other one."""
    with_turns = LIMITS.views + 5

    answers = await asyncio.gather(
        *(site.json("/api/system") for site in pair for _ in range(with_turns))
    )

    assert all(len(found["workers"]) == 2 for found in answers)


async def test_each_worker_is_asked_once_for_all_that_look(pair) -> None:
    """Within a second."""
    asked, other = pair
    await asked.json("/api/system")
    other.live.figures = {**FIGURES, "version": "another"}

    again = await asked.json("/api/system")

    assert {one["version"] for one in again["workers"]} == {"1.0"}


def test_what_changes_cost_is_of_all_workers_together() -> None:
    """Estimates are weighted by the changes that each worker expects; before any change was seen
    nothing is known of its cost."""

    def worker(changes: float, share: float, calls: float, changed: float) -> dict[str, Any]:
        learned = {"changes_a_day": changes, "changes_seen_share": share, "unseen_mean_s": 60.0}
        counters = {
            "walmart_poll_calls_total": {"": calls},
            "walmart_sights_total": {"changed": changed, "unchanged": 1000.0},
        }
        return {"polling": {"sight": learned}, "counters": counters}

    both = Group({"a": worker(300, 0.5, 90, 30), "b": worker(100, 0.9, 30, 18)}, [], "a")
    fresh = Group({"a": worker(300, 0.5, 90, 0)}, [], "a")

    found = sight(both)
    assert found == {
        "changes_a_day": 400,
        "changes_seen_share": 0.6,
        "unseen_mean_s": 60.0,
        "calls_per_seen_change": 2.5,
    }
    system_outputs.TotalSight.model_validate(found)
    assert (sight(fresh) or {})["calls_per_seen_change"] is None
