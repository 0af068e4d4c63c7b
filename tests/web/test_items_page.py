"""The list of items as a page, and the first page, without a browser."""

from __future__ import annotations

import csv
import io
import re

import pytest

from tests.web.test_login import get
from walmart_stream.storage.item_writes import remake_items


async def test_items_are_listed_with_where_to_find_more(full_site) -> None:
    """Empty fields of the form do not count; wrong ones are named."""
    await remake_items(full_site.database, ["42"])

    page = await get(full_site, "/items?q=&tag=&state=&sort=name&order=desc", 200)

    assert 'data-row="42"' in page
    assert 'href="/items/42"' in page
    assert re.search(r'aria-sort="descending"', page)
    assert "No item is like that" in await get(full_site, "/items?q=another", 200)
    assert "sort" in await get(full_site, "/items?sort=x", 400)
    async with full_site.client.get("/items.csv") as response:
        assert response.content_type == "text/csv"
        assert "42" in await response.text()


async def test_a_worker_that_cannot_be_asked_is_named_and_the_list_is_there(full_site) -> None:
    """The time of sight is unknown then; what is stored is not."""
    await remake_items(full_site.database, ["42"])
    full_site.live.checks = {"kafka": "the consumer group is rebalancing"}

    for path in ("/items", "/"):
        page = await get(full_site, path, 200)
        assert 'data-row="42"' in page, path
    assert "rebalancing" in await get(full_site, "/items", 200)


async def test_without_the_database_the_first_page_says_so(open_site) -> None:
    """It is there: a seller sees what must be done."""
    site = await open_site(mongodb_uri="mongodb://127.0.0.1:1/?serverSelectionTimeoutMS=1")

    page = await get(site, "/", 200)

    assert "start MongoDB again" in page
    assert "items cannot be listed" in page
    assert "mongodb" in await get(site, "/items", 503)


async def test_asking_again_is_answered_304(full_site) -> None:
    """Until something happens, or seconds have passed."""
    await remake_items(full_site.database, ["42"])
    for path in ("/items.json", "/overview.json", "/system.json"):
        async with full_site.client.get(path) as response:
            tag = response.headers["ETag"]
        async with full_site.client.get(path, headers={"If-None-Match": tag}) as response:
            assert response.status == 304, path


@pytest.mark.parametrize("path", ["/overview", "/system", "/alerts/rules"])
async def test_a_page_that_is_no_list_is_a_file_of_its_values(full_site, path) -> None:
    """A line for each, named by the path to it in the data."""
    found = await full_site.json(f"{path}.json")

    async with full_site.client.get(f"{path}.csv") as response:
        assert response.content_type == "text/csv"
        header, *lines = csv.reader(io.StringIO(await response.text()))

    assert header == ["name", "value"]
    names = {name for name, _ in lines}
    assert len(names) == len(lines)
    for name in names:
        value = found
        for part in name.split("."):
            assert not isinstance(value, str | int | float | None), name
            if isinstance(value, dict) and part not in value:
                break  # a key with dots in it
            value = value[int(part)] if isinstance(value, list) else value[part]
    assert {name.partition(".")[0] for name in names} <= set(found)
