"""The views' answers about sealed fields, with the key and without."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.storage.own_offers import HOLDER, KEYS, own_change, results_of
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.sealed import NO_KEYS, WRONG_KEYS, FieldSeal
from walmart_stream.storage.writes import store
from walmart_stream.web import item_outputs, outputs

OpenSealed = Callable[..., Awaitable[Any]]


@pytest.fixture
def open_sealed(open_site: Any, mongod: EmbeddedMongod, mongodb_database: str) -> OpenSealed:
    """A site of these keys; what it has stored of item 42 was sealed with the first of KEYS."""

    async def start(*keys: str) -> Any:
        site = await open_site(
            mongodb_uri=mongod.uri,
            mongodb_database=mongodb_database,
            mongodb_field_keys=",".join(keys) or None,
        )
        await store(site.database, results_of(own_change("42")), FieldSeal(KEYS[:1]))
        return site

    return start


async def test_with_the_key_nothing_is_different(open_sealed: OpenSealed) -> None:
    """An older key is as good."""
    site = await open_sealed(KEYS[1], KEYS[0])

    (item,) = (await site.json("/api/items"))["items"]
    (change,) = (await site.json("/api/items/42/history"))["changes"]

    assert item["standing"]["buy_box"]["seller"] == HOLDER
    assert item["standing"]["state"] == "suppressed"
    assert change["buy_box"] == item["standing"]["buy_box"]
    assert "unreadable" not in item["standing"]
    assert "unreadable" not in change


@pytest.mark.parametrize(("keys", "reason"), [((), NO_KEYS), (KEYS[1:], WRONG_KEYS)])
async def test_a_lost_key_is_told_and_all_else_is_there(
    open_sealed: OpenSealed, keys: tuple[str, ...], reason: str
) -> None:
    """Prices are worth more than a refusal of the whole page."""
    site = await open_sealed(*keys)

    (item,) = (await site.json("/api/items"))["items"]
    answer = await site.json("/api/items/42/history")

    (change,) = answer["changes"]
    assert item["standing"]["unreadable"] == change["unreadable"] == {"buy_box": reason}
    assert item["standing"]["buy_box"]["holder"] == "unknown"
    assert change["buy_box"] is None
    assert item["offers"]["own"]["price_cents"] == change["price_cents"] == 1999
    assert HOLDER not in str((item, answer))
    item_outputs.ListedItem.model_validate(item)
    outputs.History.model_validate(answer)
    async with site.client.get("/api/items/42/history?format=csv") as response:
        assert response.status == 200
        assert len((await response.text()).splitlines()) == 2
