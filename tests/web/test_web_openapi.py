"""The OpenAPI description and what is served are the same."""

from __future__ import annotations

import re

import pytest

from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import PriceChange, Source, WindowClosed, summarise
from walmart_stream.domain.observation import Observation
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.domain.windows import Rules
from walmart_stream.storage.writes import Results, store
from walmart_stream.web import outputs
from walmart_stream.web.views import all_routes

METHODS = {"get", "post", "put", "patch", "delete"}
START = 1_800_000_000_000
RULES = Rules(60_000, 60_000)


async def described(site):
    return await site.json("/api/openapi.json")


async def test_every_route_is_described_and_nothing_else(site) -> None:
    """Faust's own page at ``/`` is hidden by ours."""
    served = {
        (route.method, route.resource.canonical)
        for route in site.app.web.web_app.router.routes()
        if route.method != "HEAD"
    }

    document = await described(site)

    listed = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in METHODS & set(item)
    }
    assert listed == served


async def test_every_reference_leads_to_a_schema(site) -> None:
    """And every schema is referred to."""
    document = await described(site)

    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))

    assert used == set(document["components"]["schemas"])


async def test_parameters_of_paths_are_described(site) -> None:
    """Each name in braces, as required."""
    document = await described(site)

    for path, item in document["paths"].items():
        names = [parameter["name"] for parameter in item.get("parameters", [])]
        assert names == re.findall(r"{(\w+)}", path)


async def test_query_parameters_have_their_bounds(site) -> None:
    """As they are checked; an absent one is not null."""
    document = await described(site)

    given = {
        parameter["name"]: parameter["schema"]
        for parameter in document["paths"]["/api/items/{item_id}/history"]["get"]["parameters"]
    }

    assert list(given) == ["from", "to", "offer", "cursor", "limit", "format"]
    assert given["from"] == {"type": "string", "format": "date-time"}
    assert given["limit"] == {"type": "integer", "minimum": 1, "maximum": 100_000}
    assert given["format"] == {"type": "string", "enum": ["json", "csv"], "default": "json"}


async def test_only_probes_are_open(site) -> None:
    """Everything else asks for the token that the document describes."""
    document = await described(site)

    open_paths = {
        path
        for path, item in document["paths"].items()
        for method in METHODS & set(item)
        if item[method].get("security") == []
    }
    assert document["security"] == [{"token": []}]
    assert open_paths == {"/livez", "/readyz"}


def test_operations_have_names_of_their_own() -> None:
    """Generated clients make functions of them."""
    names = [operation.name for route in all_routes() for operation in route.operations.values()]

    assert len(names) == len(set(names))


@pytest.fixture
async def full_site(stored_site):
    """A site with something to show at every path."""
    now, before = Offer(1, None, 2, True, "s"), Offer(1, 0, None, False, None)
    change = PriceChange("42", "featured", "n", ("seller",), now, before, START, Source("t", 0, 0))
    first = PriceChange("42", "b", None, ("first_seen",), before, None, START, Source("t", 0, 1))
    results = Results()
    for event in (change, first):
        results.add_change(event.document())
    results.add_window(
        WindowClosed(
            "42", "b", START, START + 1, 1, 0, None, None, None, None, None, 0.0
        ).document()
    )
    await store(stored_site.database, results)
    observation = Observation("42", START, "affiliate", "n", {"featured": now})
    state = apply({}, [Entry(observation, Source("t", 0, 0))], RULES).states["42"]
    featured = state.offers["featured"]
    closed = summarise("42", "featured", featured.window, featured.offer, START, RULES)
    stored_site.live.states["42"] = state
    stored_site.live.windows_of["42"] = {closed.start: {"featured": closed.document()}}
    stored_site.live.watchlist["42"] = WatchEntry(item_id="42")
    return stored_site


@pytest.mark.parametrize(
    ("route", "method", "operation"),
    [
        (route, method, operation)
        for route in all_routes()
        for method, operation in route.operations.items()
        if operation.answer is not None and not route.is_webhook
    ],
    ids=lambda value: value if isinstance(value, str) else getattr(value, "name", "route"),
)
async def test_answers_fit_their_schemas(full_site, route, method, operation) -> None:
    """No field is missing, none is there that is not described, and all have the type."""
    path = route.path.replace("{item_id}", "42")
    body = {"json": {"item_id": "43"}} if operation.bodies else {}

    async with full_site.client.request(method, path, **body) as response:
        assert response.status == 200
        answer = operation.answer.model_validate_json(await response.read())

    lists = [value for value in dict(answer).values() if isinstance(value, list)]
    assert all(lists) or operation.name == "watch"


async def test_refusals_fit_their_schema(full_site) -> None:
    """With what some of them say besides."""
    full_site.live.checks = {"tables": "being restored"}

    for path, status in (("/readyz", 503), ("/nowhere", 404), ("/api/items?limit=0", 400)):
        async with full_site.client.get(path) as response:
            assert response.status == status
            outputs.Error.model_validate_json(await response.read())
