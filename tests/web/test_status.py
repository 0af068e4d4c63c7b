"""The worker itself over HTTP: index, life, readiness, figures."""

from __future__ import annotations

from walmart_stream import __version__
from walmart_stream.web.views import all_routes


async def test_the_index_lists_what_can_be_asked(site) -> None:
    """Ours, not the page that Faust has at the same path."""
    index = await site.json("/docs.json")

    listed = {(endpoint["method"], endpoint["path"]) for endpoint in index["endpoints"]}
    assert listed == {(method, route.path) for route in all_routes() for method in route.operations}
    assert ("GET", "/api/items/{item_id}") in listed


async def test_livez_needs_nothing_but_the_event_loop(site) -> None:
    """Alive and not ready are different things: a restart mends only the first."""
    site.live.checks = {"kafka": "the consumer group is rebalancing"}

    assert await site.json("/livez") == {"status": "alive"}


async def test_readyz_names_every_failed_check(site) -> None:
    """Here a rebalance, and a database that nobody answers for."""
    site.live.checks = {"kafka": "the consumer group is rebalancing"}

    answer = await site.json("/readyz", 503)

    assert answer["error"]["code"] == "not_ready"
    assert answer["failing"]["kafka"] == "the consumer group is rebalancing"
    assert answer["failing"]["mongodb"].startswith("no answer to a ping (")
    assert "127.0.0.1" not in str(answer)


async def test_readyz_says_when_all_is_well(stored_site) -> None:
    """With a database that answers and a worker without complaints; and how old its news is, since
    a worker that stands still may pass every check."""
    ready = await stored_site.json("/readyz")

    assert ready == {"status": "ready", **stored_site.live.health()}


async def test_readyz_names_parked_partitions_and_is_ready(stored_site) -> None:
    """The others go on, and a load balancer must not take their views away."""
    parked = {
        "topic": "walmart-competitor-data",
        "partition": 3,
        "offset": 12_000,
        "since": "2026-11-22T18:00:00.000Z",
        "reason": "more than nine in ten of its last 10000 records are bad input",
    }
    stored_site.live.parked_partitions = [parked]

    ready = await stored_site.json("/readyz")

    assert (ready["status"], ready["parked"]) == ("ready", [parked])


async def test_the_database_is_asked_at_most_once_a_second(open_site, mongod) -> None:
    """Whatever probes come: its answer is kept, and not longer than that."""
    now = [100.0]
    site = await open_site(mongodb_uri=mongod.uri, monotonic=lambda: now[0])
    await site.json("/readyz")
    site.database.client.close()

    now[0] += 0.9
    await site.json("/readyz")
    now[0] += 0.2
    answer = await site.json("/readyz", 503)

    assert list(answer["failing"]) == ["mongodb"]


async def test_stats_are_the_workers(site) -> None:
    """As the worker gives them."""
    assert await site.json("/api/stats") == {"counters": {}, "partitions": [0]}


async def test_metrics_are_in_the_format_of_prometheus(site) -> None:
    """With the counters of this worker's registry."""
    site.metrics.changes.labels("price").inc(3)

    async with site.client.get("/metrics") as response:
        text = await response.text()

    assert response.content_type == "text/plain"
    assert 'walmart_price_changes_total{kind="price"} 3.0' in text


async def test_head_is_get_without_a_body(site) -> None:
    """Load balancers ask so."""
    async with site.client.head("/livez") as response:
        assert (response.status, await response.read()) == (200, b"")


async def test_metrics_name_the_process_and_the_build(site) -> None:
    """Memory and processor time beside the version; no series says when a counter began."""
    text = await (await site.client.get("/metrics")).text()

    assert "process_resident_memory_bytes " in text
    assert f'walmart_build_info{{version="{__version__}"}} 1.0' in text
    assert "_created" not in text
