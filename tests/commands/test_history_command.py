"""The history command: the same changes as a table, as CSV and as JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from click.testing import CliRunner

from walmart_stream.cli import cli
from walmart_stream.commands.history import UnknownItem, history
from walmart_stream.commands.table import Column, long_table
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import UNAVAILABLE, Offer
from walmart_stream.domain.time import to_datetime
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.writes import Results, store

START = 1_800_000_000_000


TOY = Offer(123_456, None, None, True, "Toys [red]\x1b[2J\u202e\x9b")


def change(at: int, now: Offer, before: Offer | None) -> PriceChange:
    kinds = ("first_seen",) if before is None else ("price", "shipping")
    source = Source("walmart-competitor-data", 0, at)
    return PriceChange("42", "featured", "A toy", kinds, now, before, START + at, source)


@pytest.fixture
async def settings(
    mongod: Any, mongodb_database: str, make_unreachable_settings: Callable[..., Settings]
) -> Settings:
    """Settings of a database with three changes of item 42."""
    found = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    cheaper = Offer(99_999, 0, None, True, "Walmart.com")
    results = Results()
    for event in (
        change(0, TOY, None),
        change(1_000, cheaper, TOY),
        change(2_000, UNAVAILABLE, cheaper),
    ):
        results.add_change(event.document())
    client = mongo.connect(found)
    await store(mongo.database(client, found), results)
    client.close()
    return found


async def lines(
    settings: Settings,
    form: str,
    item_id: str = "42",
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    return [line async for line in history(settings, item_id, since, until, form)]


async def test_csv_has_a_header_and_a_line_for_each_change(settings: Settings) -> None:
    """Oldest first; unknown is empty."""
    rows = list(csv.DictReader(await lines(settings, "csv")))

    assert [row["price_cents"] for row in rows] == ["123456", "99999", ""]
    assert [row["shipping_cents"] for row in rows] == ["", "0", ""]
    assert [row["available"] for row in rows] == ["true", "true", "false"]
    assert rows[1]["delta_cents"] == "-23457"


async def test_json_is_one_array(settings: Settings) -> None:
    """It holds the stored fields without the database's own."""
    changes = json.loads("".join(await lines(settings, "json")))

    assert [found["kinds"][0] for found in changes] == ["first_seen", "price", "price"]
    assert changes[0]["observed_at"] == "2027-01-15T08:00:00.000Z"
    assert "_id" not in changes[0]


async def test_the_table_is_for_reading(settings: Settings) -> None:
    """Dollars, differences, and words for what is unknown."""
    table = "\n".join(await lines(settings, "table"))

    assert "$1,234.56" in table
    assert "-$234.57" in table
    assert "unknown" in table
    assert "(unavailable)" in table


@pytest.mark.parametrize("form", ["table", "csv", "json"])
async def test_a_sellers_name_steers_no_terminal(settings: Settings, form: str) -> None:
    """Neither by control characters, marks of direction nor by the table's own markup."""
    shown = await lines(settings, form)

    assert all(line.isprintable() for line in shown)
    assert "Toys [red]" in "".join(shown)


async def test_json_keeps_the_sellers_name_as_it_is(settings: Settings) -> None:
    """Programs read it; only how it is written is safe to look at."""
    changes = json.loads("".join(await lines(settings, "json")))

    assert changes[0]["seller"] == TOY.seller


async def test_a_span_of_time_can_be_asked_for(settings: Settings) -> None:
    """From inclusive, to exclusive."""
    since, until = to_datetime(START + 1_000), to_datetime(START + 2_000)

    rows = list(csv.DictReader(await lines(settings, "csv", since=since, until=until)))

    assert [row["price_cents"] for row in rows] == ["99999"]


async def test_a_span_without_changes_has_none(settings: Settings) -> None:
    """Said in words where people read, and in their own way where programs do."""
    early = {"until": to_datetime(START)}

    assert await lines(settings, "table", **early) == ["no price changes of item 42"]
    assert len(await lines(settings, "csv", **early)) == 1
    assert json.loads("".join(await lines(settings, "json", **early))) == []


async def test_an_item_that_was_never_seen_is_said_to_be_unknown(settings: Settings) -> None:
    """An empty history and a wrong id are different things."""
    with pytest.raises(UnknownItem, match="nothing is stored about item 43"):
        await lines(settings, "table", "43")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["history", "abc"], "'abc': an item must be 1–20 digits"),
        (["history", "42", "--from", "2026-12-01", "--to", "2026-11-01"], "--from must be earlier"),
        (["watch", "add", "1", "x", "2"], "'x': an item must be"),
        (["watch", "remove", "abc"], "'abc': an item must be"),
    ],
)
def test_a_slip_is_wrong_usage_and_named(arguments: list[str], says: str) -> None:
    """Exit code 2, before any server is asked."""
    done = CliRunner().invoke(cli, arguments)

    assert done.exit_code == 2
    assert says in done.output


def test_only_the_server_that_is_needed_must_be_configured(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A history needs no Kafka."""
    monkeypatch.delenv("KAFKA_BROKERS", raising=False)
    given = {
        "MONGODB_URI": settings.mongodb_uri.get_secret_value(),
        "MONGODB_DATABASE": settings.mongodb_database,
    }

    done = CliRunner().invoke(cli, ["history", "42", "--format", "csv"], env=given)

    assert done.exit_code == 0, done.output
    assert done.output.startswith("item_id,")


async def test_a_long_table_is_as_wide_as_it_begins_and_cuts_what_is_wider() -> None:
    """It is written while it is read: nothing waits for its end, and little is held."""

    async def rows() -> AsyncIterator[tuple[str, str]]:
        for number in range(3_000):
            yield ("seller" if number < 2_000 else "a seller of a long name", str(number))

    columns = [Column("seller"), Column("number", is_number=True)]
    found = [line async for line in long_table("Long", columns, rows())]

    assert len({len(line) for line in found[1:]}) == 1
    assert found[-2] == "│ a sel… │   2999 │"
    assert found[-1].startswith("└")
    assert len([line for line in found if line.startswith("│")]) == 3_000
