"""The export command: a file, its manifest, and words for what cannot be done."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pyarrow import parquet
from pymongo import MongoClient

from tests.export.documents import results
from walmart_stream.cli import cli
from walmart_stream.settings import Settings
from walmart_stream.storage import mongo
from walmart_stream.storage.item_documents import facets
from walmart_stream.storage.writes import store

Export = Callable[..., Result]


@pytest.fixture
async def export(
    mongod: Any,
    mongodb_database: str,
    make_unreachable_settings: Callable[..., Settings],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Export:
    """Runs the command in a folder of its own, on a database with something of every kind."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    database = mongo.database(client, settings)
    await mongo.create_indexes(database)
    await store(database, results())
    client.close()
    monkeypatch.chdir(tmp_path)
    environment = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": mongodb_database}

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["export", *arguments], env=environment)

    return run


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_the_manifest_is_about_the_file(export: Export, tmp_path: Path, form: str) -> None:
    """Rows, time and digest; and it is what --json prints."""
    done = export("changes", "--out", f"out.{form}", "--json")

    assert done.exit_code == 0, done.output
    manifest = json.loads(done.stdout)
    data = (tmp_path / f"out.{form}").read_bytes()
    assert manifest == json.loads((tmp_path / f"out.{form}.manifest.json").read_bytes())
    assert manifest["sha256"] == hashlib.sha256(data).hexdigest()
    assert (manifest["format"], manifest["rows"]) == (form, 5)
    assert manifest["offsets"]["walmart-competitor-data"]["3"] == {"first": 10, "last": 13}


def test_all_formats_have_the_same_rows(export: Export, tmp_path: Path) -> None:
    """By the ending of the file, or as asked."""
    assert export("windows", "--out", "out.csv").exit_code == 0
    assert export("windows", "--out", "out.jsonl").exit_code == 0
    assert export("windows", "--format", "parquet", "--out", "out").exit_code == 0

    with (tmp_path / "out.csv").open(newline="") as file:
        rows = [row["start"] for row in csv.DictReader(file)]
    lines = [
        json.loads(line)["start"] for line in (tmp_path / "out.jsonl").read_text().splitlines()
    ]
    table = parquet.read_table(tmp_path / "out").to_pylist()
    assert rows == lines
    assert len(table) == len(rows) == 3


def test_items_and_times_are_chosen(export: Export, tmp_path: Path) -> None:
    """An item may be given by its page's address, and more than one."""
    page = "https://www.walmart.com/ip/toy/7"

    done = export(
        *("changes", "--item", page, "--item", "8", "--to", "2027-01-16", "--out", "out.ndjson")
    )

    assert done.output.startswith("1 row, ")
    manifest = json.loads((tmp_path / "out.ndjson.manifest.json").read_bytes())
    assert (manifest["items"], manifest["to"]) == (["7", "8"], "2027-01-16T00:00:00.000Z")


def test_a_tag_chooses_its_items(
    export: Export, tmp_path: Path, mongod: Any, mongodb_database: str
) -> None:
    """As the watchlist has them; the manifest names the tag."""
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        items = client[mongodb_database].items
        items.update_one({"_id": "7"}, {"$set": {"facets": facets(["toys"], None)}}, upsert=True)

    assert export("changes", "--tag", "toys", "--out", "out.ndjson").exit_code == 0

    (line,) = (tmp_path / "out.ndjson").read_text().splitlines()
    manifest = json.loads((tmp_path / "out.ndjson.manifest.json").read_bytes())
    assert json.loads(line)["item_id"] == "7"
    assert (manifest["tag"], manifest["items"]) == ("toys", None)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["changes", "--out", "out.csv", "--tag", "tays"], 1, "no item has the tag tays"),
        (["changes", "--out", "out.csv", "--tag", "a", "--item", "1"], 2, "either --item or --tag"),
        (["changes", "--out", "out.xls"], 2, "give --format: out.xls ends in none of csv"),
        (["prices", "--out", "out.csv"], 2, "'prices' is not one of"),
        (["offers", "--out", "out.ndjson", "--bom"], 2, "--bom is for --format csv only"),
        (["offers", "--out", "out.csv", "--from", "2026-12-01", "--to", "2026-11-01"], 2, "--from"),
        (["offers", "--out", "out.csv", "--from", "1950-01-01"], 2, "before 1970"),
        (["offers", "--out", "nowhere/out.csv"], 1, "No such file or directory"),
        (["offers", "--format", "csv", "--out", "/dev/null"], 1, "not a file that can be replaced"),
    ],
)
def test_what_cannot_be_exported_is_said(
    export: Export, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    """In one sentence; nothing is left behind."""
    done = export(*arguments)

    assert done.exit_code == code, done.output
    assert says in done.output
    assert not list(tmp_path.glob("*out*"))


def test_without_pyarrow_it_says_how_to_get_it(
    export: Export, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The other formats do without."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    done = export("offers", "--out", "out.parquet")

    assert done.exit_code == 1
    assert "pip install 'walmart-stream[parquet]'" in done.output
    assert export("offers", "--out", "out.csv").exit_code == 0


def test_no_progress_where_nobody_looks(export: Export) -> None:
    """Neither a bar nor its escapes, as in the mail of a timer job."""
    done = export("changes", "--out", "out.csv")

    assert done.stderr == ""
    assert done.stdout.isascii()
