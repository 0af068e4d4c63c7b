"""The OpenAPI description and what is served are the same."""

from __future__ import annotations

import asyncio
import re
from itertools import product
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from tests.web.conftest import fill
from tests.web.paths import NEEDED, body_of, filled
from walmart_stream.web import outputs
from walmart_stream.web.openapi import describe
from walmart_stream.web.views import all_routes
from walmart_stream.web.webhook_auth import basic

# Lists of faults, of which a site has none; and of changes, which its item has in the future.
NOTHING_WRONG = (
    "system",
    "overview",
    "page_item_data",
    "items",
    "page_overview_data",
    "page_items_data",
)
METHODS = {"get", "post", "put", "patch", "delete"}


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
    static = {path for path in document["paths"] if path.startswith("/static/")}
    assert open_paths == {"/livez", "/readyz", "/login"} | static


def test_operations_have_names_of_their_own() -> None:
    """Generated clients make functions of them."""
    names = [operation.name for route in all_routes() for operation in route.operations.values()]

    assert len(names) == len(set(names))


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
    path = filled(route.path)
    body = {"json": body_of(operation.name)} if operation.bodies else {}
    body["params"] = NEEDED.get(operation.name, {})

    async with full_site.client.request(method, path, **body) as response:
        assert response.status == 200
        answer = operation.answer.model_validate_json(await response.read())

    lists = [value for value in dict(answer).values() if isinstance(value, list)]
    assert all(lists) or operation.name in ("watch", *NOTHING_WRONG)


async def test_refusals_fit_their_schema(full_site) -> None:
    """With what some of them say besides."""
    full_site.live.checks = {"tables": "being restored"}

    for path, status in (("/readyz", 503), ("/nowhere", 404), ("/api/items?limit=0", 400)):
        async with full_site.client.get(path) as response:
            assert response.status == status
            outputs.Error.model_validate_json(await response.read())


SECRET = "secret-of-webhooks"
JSON = {"Content-Type": "application/json"}
PROVOCATIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "no token": {"headers": {"Authorization": "Bearer wrong"}},
    "two hosts": {"headers": {"Host": "a, b"}},
    "a parameter": {"params": {"x": "1"}},
    "bad parameters": {"params": {"limit": "0", "cursor": "x", "from": "x", "format": "x"}},
    "a body": {"data": b"{", "headers": JSON},
    "a good body": {"data": b'{"item_id":"43"}', "headers": JSON},
    "CSV": {"data": b"x", "headers": {"Content-Type": "text/csv"}},
    "a good rule": {"data": b'{"name":"x","all":true,"when":"unpublished"}', "headers": JSON},
    "a good mute": {"data": b'{"rule":"x"}', "headers": JSON},
    "an empty body": {"data": b"{}", "headers": JSON},
    "a name": {"params": {"name": "x"}},
    "another type": {"data": b"{}", "headers": {"Content-Type": "text/plain"}},
    "compressed": {"data": b"{}", "headers": {**JSON, "Content-Encoding": "gzip"}},
    "too much": {"data": b" " * 1_000_001, "headers": JSON},
}
# What gets as far as a fault of the worker.
RIGHT = ("nothing", "a good body", "a good rule", "a good mute", "a name")
TOKEN = {"Authorization": "Bearer token-of-the-web-views"}
NO_BROKERS = {"broken": KafkaTimeoutError()}
OUR_FAULT = {"broken": RuntimeError("a fault of ours")}
MOVING = {"checks": {"tables": "being restored"}}


@pytest.mark.parametrize(
    ("state", "proof"),
    [({}, {}), ({}, TOKEN), (NO_BROKERS, {}), (OUR_FAULT, {}), (MOVING, {})],
    ids=["well", "with a token", "without brokers", "with a fault of ours", "moving"],
)
async def test_every_status_that_is_answered_is_described(
    open_site, mongod, mongodb_database, state, proof
) -> None:
    """By each operation, whatever is wrong with it, with the worker and with the caller."""
    site = await open_site(
        mongodb_uri=mongod.uri,
        mongodb_database=mongodb_database,
        walmart_webhook_secret=SECRET,
        web_token=proof.get("Authorization", "").removeprefix("Bearer ") or None,
    )
    await fill(site)
    vars(site.live).update(state)

    seen = {
        status
        for operation, name in product(operations(), RIGHT if state else PROVOCATIONS)
        for status in [await answered_as_described(site, *operation, proof, PROVOCATIONS[name])]
    }

    assert {200, 400} < seen if state else {200, 400, 413, 415} < seen


async def test_without_the_database_every_status_is_described(open_site) -> None:
    """503, of what needs it."""
    site = await open_site(mongodb_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1")

    seen = await asyncio.gather(
        *(answered_as_described(site, *operation, {}, {}) for operation in operations())
    )

    assert 503 in seen


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description; of an item that is there, one that is not, and none."""
    paths = describe(all_routes())["paths"]
    return [
        (method, filled(path.replace("{item_id}", item_id)), item[method])
        for path, item in paths.items()
        for method in METHODS & set(item)
        for item_id in (("42", "7", "x") if "{item_id}" in path else ("",))
    ]


async def answered_as_described(site, method, path, described, proof, provocation) -> int:
    """The status; it and the type of the answer are described."""
    if path.startswith("/webhooks"):
        proof = {"Authorization": basic("walmart", SECRET)}
    headers = {**proof, **provocation.get("headers", {})}
    options = {**provocation, "headers": headers, "allow_redirects": False}
    async with site.client.request(method, path, **options) as response:
        await response.read()
    case = (method, path, provocation, response.status)
    assert str(response.status) in described["responses"], case
    types = described["responses"][str(response.status)]["content"]
    assert response.content_type in types or response.status == 303, case
    return response.status
