"""The report: one page that needs nothing else, and words for what cannot be done."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner

from walmart_stream.cli import cli
from walmart_stream.domain.buy_box import BuyBox
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.time import parse_iso
from walmart_stream.storage import mongo
from walmart_stream.storage.item_writes import remake_items, update_watched
from walmart_stream.storage.writes import Results, store

HOUR = 3_600_000
START = parse_iso("2026-11-01T00:00:00Z")
SPAN = ("--from", "2026-11-01", "--to", "2026-11-02")
OWN = Offer(2000, 500, None, True, "Me")
HOSTILE = '<script>alert("1")</script>\u202e'
KNOWN_FOR = {"PRICE_KNOWN_FOR": str(10 * 86_400)}


class Read(HTMLParser):
    """A page's elements, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attributes]

    def handle_data(self, data):
        self.text.append(data)


def change(item_id, at, name, now, before=None, holder=None):
    kinds = ("first_seen",) if before is None else ("price",)
    box = None
    if holder is not None:
        box = BuyBox(holder, "Acme", False, START + at, START + at, HOUR, HOUR, 0)
    event = PriceChange(
        *(item_id, name, HOSTILE, kinds, now, before, START + at),
        *(Source("walmart-competitor-data", 0, at), box),
    )
    return event.document()


@pytest.fixture
async def report(
    mongod, mongodb_database, make_unreachable_settings: Callable, tmp_path: Path, monkeypatch
):
    """Runs the command on a database with two items, of which one has a tag."""
    settings = make_unreachable_settings(mongodb_uri=mongod.uri, mongodb_database=mongodb_database)
    client = mongo.connect(settings)
    database = mongo.database(client, settings)
    await mongo.create_indexes(database)
    results = Results()
    cheaper = OWN._replace(price_cents=1000, seller="Acme")
    for event in (
        change("1", 0, "own", OWN, holder="own"),
        change("1", 12 * HOUR, "own", OWN._replace(price_cents=3000), OWN, holder="rival"),
        change("1", 0, "featured", cheaper),
        change("2", 0, "featured", OWN),
        change("2", 6 * HOUR, "featured", OWN._replace(price_cents=1900), OWN),
    ):
        results.add_change(event)
    await store(database, results)
    await remake_items(database, ["1", "2"])
    watched = {"watched": True, "tags": ["toys"]}
    await update_watched(database, {"1": (1, watched), "3": (2, watched)})
    client.close()
    monkeypatch.chdir(tmp_path)
    environment = {"MONGODB_URI": mongod.uri, "MONGODB_DATABASE": mongodb_database, **KNOWN_FOR}

    def run(*arguments):
        return CliRunner().invoke(cli, ["report", *arguments], env=environment)

    return run


def test_a_report_is_one_page_that_needs_nothing_else(report, tmp_path) -> None:
    """No script, nothing from elsewhere, and names are text."""
    done = report(*SPAN, "--out", "out.html")

    assert done.exit_code == 0, done.output
    assert "2 items in out.html; prices up: 1, down: 1" in done.output
    html = (tmp_path / "out.html").read_text()
    page = Read(html)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert all(value.startswith("#") for name, value in page.attributes if name in ("href", "src"))
    assert not any(name.startswith("on") or name == "style" for name, _ in page.attributes)
    assert "\u202e" not in html
    assert "url(http" not in html
    assert "@import" not in html
    assert page.tags.count("svg") - page.tags.count("h3") == 3  # a chart each, and three signs
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert list(tmp_path.iterdir()) == [tmp_path / "out.html"]


def test_the_summary_is_of_the_items_below(report, tmp_path) -> None:
    """The biggest move first; the buy box by the time for which its holder is known."""
    done = report(*SPAN, "--out", "out.html", "--json")

    assert json.loads(done.stdout) == {
        "items": 2,
        "up": 1,
        "down": 1,
        "own_share": 0.5,
        "above_best_rival": 1,
        "compared": 1,
        "left_out": 0,
    }
    text = " ".join(" ".join(Read((tmp_path / "out.html").read_text()).text).split())
    assert re.search(r"own \$25\.00 \$35\.00 \+40\.0 %.*featured \$25\.00 \$24\.00 -4\.0 %", text)
    assert "2026-11-01 00:00 to 2026-11-02 00:00 UTC" in text


def test_items_are_chosen_by_their_tag(report, tmp_path) -> None:
    """An item that was never observed has nothing to show."""
    done = report(*SPAN, "--tag", "toys", "--out", "out.html", "--json")

    assert json.loads(done.stdout)["items"] == 1
    assert "items tagged toys" in (tmp_path / "out.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("--tag", "nothing", "--out", "x"), 1, "no item with the tag nothing was observed"),
        (("--out", "."), 2, "is a directory"),
        (("--from", "2026-11-02", "--to", "2026-11-01", "--out", "x"), 2, "earlier than --to"),
        (("--from", "2999-01-01", "--out", "x"), 2, "earlier than --to"),
        ((), 2, "--out"),
    ],
)
def test_a_report_that_cannot_be_made_leaves_no_file(
    report, tmp_path, arguments, code, says
) -> None:
    """And says why."""
    done = report(*arguments)

    assert done.exit_code == code
    assert says in done.output
    assert list(tmp_path.iterdir()) == []


def test_an_item_with_too_much_for_one_chart_is_counted(report, tmp_path, monkeypatch) -> None:
    """It is not left out without a word."""
    monkeypatch.setattr("walmart_stream.storage.series.MOST_DOCUMENTS", 1)

    done = report(*SPAN, "--out", "out.html")

    assert "2 more have too many changes" in done.output
    assert "2 more could not be drawn" in (tmp_path / "out.html").read_text()
