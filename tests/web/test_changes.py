"""All price changes, page by page in the order of time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.export.documents import many

STORED = many(items=5, changes=6)


@pytest.fixture
async def changed_site(stored_site: Any) -> Any:
    await stored_site.database.price_changes.insert_many([dict(one) for one in STORED])
    return stored_site


async def pages(site: Any, query: str) -> list[tuple[str, int]]:
    """Item and offset of all changes, page after page."""
    found, cursor = [], ""
    while True:
        page = await site.json(f"/api/changes?{query}{cursor}")
        found += [(one["item_id"], one["source"]["offset"]) for one in page["changes"]]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def due(since: int = 0) -> list[tuple[str, int]]:
    found = [one for one in STORED if one["source"]["offset"] >= since]
    found.sort(key=lambda one: (one["observed_at"], one["_id"]))
    return [(one["item_id"], one["source"]["offset"]) for one in found]


@pytest.mark.parametrize("limit", [1, 4, 7, 100])
async def test_every_change_comes_once_in_the_order_of_time(changed_site, limit: int) -> None:
    """However pages are cut, also among changes of the same time; from either end."""
    assert await pages(changed_site, f"limit={limit}") == due()
    assert await pages(changed_site, f"limit={limit}&order=desc") == due()[::-1]


async def test_since_a_time(changed_site) -> None:
    """That time included."""
    since = "since=2027-01-15T08:00:00.003Z"

    assert await pages(changed_site, f"limit=4&{since}") == due(since=3)


async def test_a_page_is_read_by_the_index(changed_site) -> None:
    """However many changes there are."""
    await changed_site.database.command("profile", 2)

    await pages(changed_site, "limit=10&order=desc")

    await changed_site.database.command("profile", 0)
    done = await changed_site.database.system.profile.find({"op": "query"}).to_list(None)
    # The page, the one behind it, and those of the time that it begins with.
    assert max(query["keysExamined"] for query in done) <= 10 + 1 + 5
    assert not any(query.get("hasSortStage") for query in done)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "order=up", "since=now", "cursor=x", "offer=own"]
)
async def test_what_is_wrong_is_named(site, query: str) -> None:
    """Before the database is asked."""
    says = await site.error(f"/api/changes?{query}", 400)

    assert says.startswith(f"bad_request: {query.partition('=')[0]}")
