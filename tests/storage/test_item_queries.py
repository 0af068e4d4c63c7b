"""Lists of items from a real mongod: in every order, with every filter, by indexes alone."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from walmart_stream.domain.item_words import folded_name, words_of
from walmart_stream.settings import Settings
from walmart_stream.storage import item_queries, mongo
from walmart_stream.storage.documents import ITEMS
from walmart_stream.storage.item_documents import facets
from walmart_stream.storage.item_queries import (
    Choice,
    Place,
    TooManyFound,
    list_items,
    order_of,
    ranges,
    words_like,
)
from walmart_stream.storage.mongo import ITEM_SORTS

ITEM_COUNT = 120
START = datetime(2026, 1, 1, tzinfo=UTC)
STATES = ("winning", "lost", None)
TAGS: tuple[tuple[str, ...], ...] = ((), ("toys",), ("red", "toys"))
NAMES = ("Lego Castle", "lego boat", "Éclair", "Tea", None)


def made(number: int, dice: random.Random) -> dict[str, Any]:
    """An item with many ties and much that is not known."""

    def landed() -> dict[str, Any] | None:
        return dice.choice([None, {"landed_cents": None}, {"landed_cents": dice.randrange(4)}])

    item_id, name = str(number), dice.choice(NAMES)
    state, tags = dice.choice(STATES), dice.choice(TAGS)
    found = {
        "_id": item_id,
        "item_id": item_id,
        "name": name,
        "name_key": folded_name(name),
        "words": words_of(item_id, name),
        "own": landed(),
        "best_rival": landed(),
        "featured": landed(),
        "marketplace": landed(),
        "gap_cents": dice.choice([None, -3, 0, 2]),
        "gap_pct": dice.choice([None, -1.5, 0.0, 7.25]),
        "changed_at": dice.choice([None, START, START + timedelta(days=1)]),
        "tags": list(tags),
        "facets": facets(tags, state),
    }
    if state is not None:
        found |= {"state": state, "holder": dice.choice(["own", "rival"])}
    return found


@pytest.fixture
async def filled(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> AsyncIterator[tuple[Any, list[dict[str, Any]]]]:
    """A database, and the documents in it."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    database = mongo.database(client, settings)
    await mongo.create_indexes(database)
    dice = random.Random(7)
    documents = [made(number, dice) for number in range(1, ITEM_COUNT + 1)]
    await database[ITEMS].insert_many(documents)
    yield database, documents
    client.close()


async def all_pages(database: Any, choice: Choice, limit: int) -> list[str]:
    found: list[str] = []
    after = None
    while True:
        page = await list_items(database, choice, after, limit)
        found += [one["_id"] for one in page.documents]
        after = page.next
        if after is None:
            return found


def value_of(document: dict[str, Any], field: str) -> Any:
    for name in field.split("."):
        document = document.get(name) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document


def due(documents: list[dict[str, Any]], choice: Choice) -> list[str]:
    """The order by Python's own sort, of what a plain loop finds."""
    chosen = [
        one
        for one in documents
        if (choice.tag is None or choice.tag in one["tags"])
        and (choice.state is None or one.get("state") == choice.state)
    ]
    field = ITEM_SORTS[choice.sort]
    chosen.sort(key=lambda one: one["_id"], reverse=choice.descending)
    known = [one for one in chosen if value_of(one, field) is not None]
    known.sort(key=lambda one: value_of(one, field), reverse=choice.descending)
    return [one["_id"] for one in known + [one for one in chosen if one not in known]]


@pytest.mark.parametrize("sort", ITEM_SORTS)
async def test_every_order_and_filter_comes_page_by_page(
    filled: tuple[Any, list[dict[str, Any]]], sort: str
) -> None:
    """Each item once; without a value last, in both directions."""
    database, documents = filled
    for tag, state, descending in product((None, "toys"), (None, "lost"), (False, True)):
        choice = Choice(tag=tag, state=state, sort=sort, descending=descending)

        assert await all_pages(database, choice, 7) == due(documents, choice)

        found = Choice("lego", tag, state, sort, descending)
        names = [one for one in documents if one["name"] in NAMES[:2]]
        assert await all_pages(database, found, 7) == due(names, found)


@pytest.mark.parametrize("sort", ITEM_SORTS)
async def test_every_range_is_read_from_an_index(
    filled: tuple[Any, list[dict[str, Any]]], sort: str
) -> None:
    """No collection scan, no sort, and no more keys than the page holds and some seeks."""
    database, documents = filled
    field = ITEM_SORTS[sort]
    places = [Place(value_of(one, field), one["_id"]) for one in documents[:12:6]]
    for tag, state, descending in product((None, "toys"), (None, "lost"), (False, True)):
        choice = Choice(tag=tag, state=state, sort=sort, descending=descending)
        for after in (None, *places):
            for query in ranges(choice, after):
                cursor = database[ITEMS].find(query, sort=order_of(choice)).limit(5)
                explained = await cursor.explain()
                plan = str(explained["queryPlanner"]["winningPlan"])
                assert "IXSCAN" in plan
                assert "COLLSCAN" not in plan
                assert "'SORT'" not in plan
                assert explained["executionStats"]["totalKeysExamined"] <= 3 * 5


async def test_words_are_found_by_their_beginnings(
    filled: tuple[Any, list[dict[str, Any]]],
) -> None:
    """In any order and case, without accents; all of them must match; so do beginnings of ids."""
    database, documents = filled

    async def found(words: str) -> set[str | None]:
        page = await list_items(database, Choice(words), None, ITEM_COUNT)
        return {one["name"] for one in page.documents}

    assert await found("castle LEG") == {"Lego Castle"}
    assert await found("ecl") == {"Éclair"}
    assert await found("tea castle") == set()
    assert await found("ego") == set()
    assert await found("?!") == set()
    ids = [one["_id"] for one in documents if one["_id"].startswith("11")]
    assert await all_pages(database, Choice("11"), 5) == sorted(ids)


async def test_words_are_looked_up_in_their_index(
    filled: tuple[Any, list[dict[str, Any]]],
) -> None:
    """A search costs what it finds."""
    database, documents = filled

    explained = await database[ITEMS].find(words_like("tea")).explain()

    assert "words_1__id_1" in str(explained["queryPlanner"]["winningPlan"])
    count = sum(one["name"] == "Tea" for one in documents)
    assert explained["executionStats"]["totalKeysExamined"] <= count + 1


async def test_what_finds_too_much_is_refused(
    filled: tuple[Any, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one rarer word beside it, it is not."""
    database, documents = filled
    count = sum(one["name"] in NAMES[:2] for one in documents)
    monkeypatch.setattr(item_queries, "FEW", 5)
    monkeypatch.setattr(item_queries, "MOST_FOUND", count - 1)

    with pytest.raises(TooManyFound):
        await list_items(database, Choice("lego"), None, 5)
    page = await list_items(database, Choice("lego boat"), None, 1)

    assert page.documents[0]["name"] == "lego boat"


async def test_a_rare_word_bounds_what_the_others_cost(
    filled: tuple[Any, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A common word beside it costs some keys, however many items have it; nothing is left out."""
    database, documents = filled
    monkeypatch.setattr(item_queries, "FEW", 5)
    wanted = next(one for one in documents if one["name"] == "Lego Castle" and int(one["_id"]) > 99)
    await database.command("profile", 2)

    page = await list_items(database, Choice(f"lego {wanted['_id']}"), None, 5)

    await database.command("profile", 0)
    assert [one["_id"] for one in page.documents] == [wanted["_id"]]
    done = await database["system.profile"].find({"op": "query"}).to_list(None)
    assert sum(one["keysExamined"] for one in done) <= 2 * (5 + 2) + 4
    assert sum(one["docsExamined"] for one in done) <= 2
    assert not any(one.get("hasSortStage") for one in done)
    assert not any("COLLSCAN" in one["planSummary"] for one in done)


async def test_two_common_words_find_what_a_plain_loop_finds(
    filled: tuple[Any, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no word is rare, more of each is read before it is refused."""
    database, documents = filled
    monkeypatch.setattr(item_queries, "FEW", 5)
    choice = Choice("lego boat", sort="own")

    found = await all_pages(database, choice, 4)

    assert found == due([one for one in documents if one["name"] == "lego boat"], choice)
