"""The items command: the list of the page, in a terminal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from click.testing import CliRunner, Result

from walmart_stream.cli import cli
from walmart_stream.cli.items import SORTS, STATES
from walmart_stream.commands import items as command
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.mongo import ITEM_SORTS
from walmart_stream.storage.writes import Results, store
from walmart_stream.web.inputs import ItemsQuery

START = 1_800_000_000_000
# Name and landed price of each item.
ITEMS = {
    "1": ("Red kettle", 1_999),
    "2": ("Blue kettle", 899),
    "3": ("[bold]Toaster\x1b[2J", 2_499),
}


@pytest.fixture
async def run(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> Callable[..., Result]:
    """Runs the command on a database with three items."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    database = mongo.database(client, settings)
    await mongo.create_indexes(database)
    results = Results()
    for item_id, (name, cents) in ITEMS.items():
        offer, source = Offer(cents, 0, None, True, "Walmart.com"), Source("raw", 0, int(item_id))
        change = PriceChange(item_id, "featured", name, ("first_seen",), offer, None, START, source)
        results.add_change(change.document())
    await store(database, results)
    client.close()
    environment = {
        "MONGODB_URI": mongod.uri,
        "MONGODB_DATABASE": mongodb_database,
        "COLUMNS": "80",
    }
    return lambda *arguments: CliRunner().invoke(cli, ["items", *arguments], env=environment)


def ids(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [one["item_id"] for one in json.loads(done.stdout)["items"]]


def test_items_are_listed_in_the_order_asked_for(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many pages it takes."""
    monkeypatch.setattr(command, "PAGE", 2)

    assert ids(run("--json")) == ["1", "2", "3"]
    assert ids(run("--json", "--sort", "featured", "--descending")) == ["3", "1", "2"]
    assert ids(run("--json", "--search", "kett")) == ["1", "2"]
    assert ids(run("--json", "--tag", "toys")) == []


def test_a_limit_says_that_there_are_more(run: Callable[..., Result]) -> None:
    """To people and to programs."""
    shown, read = run("--limit", "2"), run("--limit", "2", "--json")

    assert "there are more: raise --limit" in shown.stdout
    assert json.loads(read.stdout)["more"]
    assert not json.loads(run("--json", "--limit", "3").stdout)["more"]


def test_people_see_a_table_that_fits(run: Callable[..., Result]) -> None:
    """Whatever items are called; the featured offer stands in for an own one."""
    shown = run().stdout

    assert "($8.99)" in shown
    assert all(len(line) <= 80 and line.isprintable() for line in shown.splitlines())
    assert run("--tag", "nothing").stdout == "no items\n"


def test_what_cannot_be_listed_is_wrong_usage(run: Callable[..., Result]) -> None:
    """In the words of the API."""
    done = run("--search", "x" * 201)

    assert done.exit_code == 2
    assert "q: " in done.stderr


def test_choices_are_those_of_the_api() -> None:
    """They are written twice, so that a start needs neither database nor web views."""
    fields = ItemsQuery.model_fields
    states = next(iter(get_args(fields["state"].annotation)))

    assert set(SORTS) == set(ITEM_SORTS)
    assert set(STATES) == set(get_args(states))
