"""Every refusal and failure is JSON with a code and a message, and says no more than it should."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiokafka.errors import KafkaTimeoutError


@pytest.mark.parametrize(
    "path",
    ["/nowhere", "/api/", "/api/items/", "/table/offers/42/", "/router/", "/graph", "/stats"],
)
async def test_unknown_paths_are_404(site, path) -> None:
    """Faust's own pages of the tables and workers among them."""
    assert await site.error(path, 404) == "not_found: not found"


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("POST", "/api/items", "GET,HEAD"), ("DELETE", "/api/watchlist", "GET,HEAD,POST")],
)
async def test_other_methods_are_405_and_the_allowed_ones_named(
    site, method, path, allowed
) -> None:
    """As a header and in words."""
    headers = {"Content-Type": "application/json"}

    async with site.client.request(method, path, headers=headers) as response:
        assert response.status == 405
        assert response.headers["Allow"] == allowed
        assert (await response.json())["error"]["code"] == "method_not_allowed"


async def test_what_nobody_expected_is_500_without_details(site, caplog) -> None:
    """The log has them."""
    site.live.broken = RuntimeError("password=hunter2")

    error = await site.error("/api/stats", 500)

    assert error == "internal: unexpected; the log says more"
    assert "hunter2" in caplog.text


async def test_a_body_that_breaks_off_is_the_callers_fault(site) -> None:
    """And ends the connection, on which nobody knows what follows."""
    site.live.broken = web.RequestPayloadError("half a chunk")

    async with site.client.post("/api/watchlist", json={"item_id": "42"}) as response:
        assert response.status == 400
        assert response.headers["Connection"] == "close"
        assert (await response.json())["error"]["code"] == "bad_request"


async def test_without_the_database_what_needs_it_is_503(site) -> None:
    """With the time after which to ask again, and without the names of hosts."""
    for path in ("/api/items", "/api/items/42/history", "/api/items/42/windows"):
        async with site.client.get(path) as response:
            assert response.status == 503
            assert response.headers["Retry-After"] == "1"
            error = (await response.json())["error"]
            assert error["code"] == "not_ready"
            assert error["message"] == (
                "mongodb: the database is away (ServerSelectionTimeoutError)"
            )


async def test_what_the_brokers_do_not_acknowledge_is_503(site) -> None:
    """Nobody is told that an item is watched before it is."""
    site.live.broken = KafkaTimeoutError()

    error = await site.error("/api/watchlist", 503, "POST", json={"item_id": "42"})

    assert error == "not_ready: kafka: the brokers did not answer (KafkaTimeoutError)"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/api/items?limit=0", "limit"),
        ("/api/items?limit=501", "limit"),
        ("/api/items?limit=ten", "limit"),
        ("/api/items?limit=5&limit=6", "limit"),
        ("/api/items?page=2", "page"),
        ("/api/items?cursor=x", "cursor"),
        ("/api/items?cursor=WyIxIiwyXQ", "cursor"),
        ("/api/items?cursor=bnVsbA", "cursor"),
        ("/api/items?cursor=%C3%A4", "cursor"),
        ("/api/items?cursor=" + "x" * 2_001, "cursor"),
        ("/api/items/abc", "item_id"),
        ("/api/items/042", "item_id"),
        ("/api/items/" + "9" * 21, "item_id"),
        ("/api/items/42?x=1", "x"),
        ("/api/items/abc/history", "item_id"),
        ("/api/items/42/history?from=yesterday", "from"),
        ("/api/items/42/history?from=2026-11-22T18:00:00", "from"),
        ("/api/items/42/history?from=2026-11-22T18:00:00+01:00", "from"),
        ("/api/items/42/history?to=0001-01-01T00:00:00Z", "to"),
        (
            "/api/items/42/history?from=2026-11-22T18:00:00Z&to=2026-11-22T18:00:00Z",
            "to",
        ),
        ("/api/items/42/history?since=2026-11-22T18:00:00Z", "since"),
        ("/api/items/42/history?format=xml", "format"),
        ("/api/items/42/history?limit=1001", "format"),
        ("/api/items/42/history?format=csv&limit=100001", "limit"),
        ("/api/items/42/history?offer=", "offer"),
        ("/api/items/42/windows?limit=1001", "limit"),
        ("/api/items/42/windows?cursor=WyIxIl0", "cursor"),
        ("/api/items/42/windows?cursor=WyIxIiwiYSJd", "cursor"),
        ("/api/watchlist?limit=-1", "limit"),
        ("/api/stats?verbose=1", "verbose"),
    ],
)
async def test_bad_input_is_400_and_the_field_is_named(site, path, field) -> None:
    """Before anything is asked of the database or the tables."""
    error = await site.error(path, 400)

    assert error.startswith(f"bad_request: {field}: ")
