"""Another program produces to the topics: what is right is stored, what is not is a dead letter."""

from __future__ import annotations

import random
import time
from collections import Counter

import orjson
import pytest

from tests.pipeline.conftest import MakePipeline
from tests.pipeline.observations import WINDOWS, Market, bad_records, epoch_ms, garbage, priced
from tests.pipeline.pipeline import DEAD_LETTERS, RAW, RESULTS, WATCHLIST, Pipeline, Record
from tests.pipeline.worker import Worker
from walmart_stream.domain.watch import WatchEntry, encode_entry
from walmart_stream.kafka.placement import partition_of

pytestmark = pytest.mark.integration

SEED = 20261122
RECORDS = 5_000
PARTITIONS = 4

COUNTER = "walmart_observations_total"


@pytest.fixture(scope="module")
def started(module_pipeline: Pipeline) -> Worker:
    """The worker that the tests of this module share."""
    return module_pipeline.start()


@pytest.fixture
async def worker(started: Worker) -> Worker:
    """The shared worker, alive and ready."""
    await started.until_ready()
    return started


async def test_five_thousand_observations_of_another_program_come_to_what_the_contract_says(
    make_pipeline: MakePipeline,
) -> None:
    """Valid ones are reflected exactly once, late and repeated ones change nothing, and each bad
    one is a dead letter with its bytes untouched; the worker lives through all of them."""
    # Of its own: it counts everything, whatever the others of this file have sent.
    pipeline = make_pipeline(**WINDOWS)
    await pipeline.create_topics()
    rng = random.Random(SEED)
    market = Market(rng, items=400)
    kinds: list[tuple[str | None, Record]] = []
    for _ in range(6):
        kinds.extend(bad_records(rng))
    bad = len(kinds)
    kinds.extend(garbage(rng))
    kinds.extend((None, Record(None, None)) for _ in range(RECORDS - len(kinds)))
    rng.shuffle(kinds)
    made = [record if fault else _good(market, rng) for fault, record in kinds]
    made = [
        record._replace(
            timestamp=epoch_ms(10_000_000 + number),
            headers=(("trace", b"\xff\x00"), ("x-error-topic", b"not")),
        )
        for number, record in enumerate(made)
    ]

    # All are there before the worker is: where it has nothing to read it closes windows by the
    # clock, which is months ahead of these observations.
    places = await pipeline.produce(RAW, made)
    worker = pipeline.start()
    await worker.until_ready()

    report = await pipeline.verified()
    assert report.is_clean, report
    assert report.dead_letter_repeats == 0
    assert report.bad == bad + 6
    due = market.due
    assert (report.applied, report.duplicate, report.late) == (
        due.outcomes["applied"],
        due.outcomes["duplicate"],
        due.outcomes["late"],
    )
    changes = await pipeline.documents("price_changes")
    assert {name: set(change["kinds"]) for name, change in changes.items()} == due.changes
    offers = await pipeline.documents("offers")
    due_offers = due.offers
    assert {name: _only(offer, due_offers[name]) for name, offer in offers.items()} == due_offers
    due_windows = due.windows
    windows = {
        name: window
        for name, window in (await pipeline.documents("price_windows")).items()
        # Where the worker was slow to read on, the clock closed a window in which nothing turned
        # out to be known: as the contract says, it stays without observations and coverage.
        if name in due_windows or window["observations"] or window["coverage"]
    }
    stored = {name: _only(window, due_windows[name]) for name, window in windows.items()}
    assert stored == due_windows

    letters = {
        (int(reason["partition"]), int(reason["offset"])): (reason, letter)
        for reason, letter in await pipeline.dead_letters("process")
    }
    due_letters = {
        (place.partition, place.offset): (fault, record)
        for place, (fault, _), record in zip(places, kinds, made, strict=True)
        if fault
    }
    assert letters.keys() == due_letters.keys()
    assert len(await pipeline.read(DEAD_LETTERS)) == len(due_letters)
    for place, (fault, record) in due_letters.items():
        reason, letter = letters[place]
        assert (letter.key, letter.value) == (record.key, record.value)
        assert (reason["topic"], reason["class"]) == (RAW, fault), reason
        assert reason["timestamp"] == str(record.timestamp)
        assert reason["message"]
        assert letter.headers[-2:] == record.headers

    assert worker.is_alive
    assert (await worker.get("/readyz"))[0] == 200
    stats = await worker.stats()
    assert set(stats["lag"].values()) == {0}
    assert await worker.counted(COUNTER) == {
        **due.outcomes,
        "bad": bad + 6,
        "forwarded": 0,
        "silent": 0,
    }
    counters = stats["counters"]
    assert due.odd > 100
    assert counters["walmart_odd_fields_total"] == {"": due.odd}
    assert counters["walmart_stored_documents_total"]["price_changes"] == len(due.changes)
    assert counters["walmart_dead_letters_total"] == {"process": bad + 6}
    counted_kinds = Counter(kind for kinds in due.changes.values() for kind in kinds)
    assert counters["walmart_price_changes_total"] == counted_kinds


def _good(market: Market, rng: random.Random) -> Record:
    make = rng.choices([market.valid, market.late, market.duplicate], weights=[8, 1, 1])[0]
    return make()


def _only(document: dict[str, object], like: dict[str, object]) -> dict[str, object]:
    return {name: document[name] for name in like}


async def test_an_observation_in_another_partition_than_its_key_hashes_to_is_forwarded(
    module_pipeline: Pipeline, worker: Worker
) -> None:
    """All observations of an item meet in one place, or their order would be lost."""
    forwarded = (await worker.counted(COUNTER)).get("forwarded", 0)
    right = partition_of(b"71001", PARTITIONS)
    record = priced("71001", at=0, dollars=19.99)
    wrong = record._replace(partition=(right + 1) % PARTITIONS, headers=(("trace", b"1"),))

    await module_pipeline.produce(RAW, [wrong])
    await module_pipeline.until_settled()

    changes = await module_pipeline.documents("price_changes", item_id="71001")
    assert [change["source"]["partition"] for change in changes.values()] == [right]
    assert (await worker.counted(COUNTER))["forwarded"] == forwarded + 1
    places = [found.partition for found in await module_pipeline.read(RAW) if found.key == b"71001"]
    assert sorted(places) == sorted([right, wrong.partition])
    report = await module_pipeline.verified()
    assert report.is_clean, report


@pytest.mark.parametrize(
    ("topic", "stage"), [(RAW, "process"), (WATCHLIST, "watchlist"), (RESULTS, "sink")]
)
async def test_a_record_without_key_and_value_is_a_dead_letter_like_any_other(
    module_pipeline: Pipeline, worker: Worker, topic: str, stage: str
) -> None:
    """Kafka takes it, and so must every agent; aiokafka's plain send does not."""
    before = await module_pipeline.ends(DEAD_LETTERS)

    [place] = await module_pipeline.produce(topic, [Record(None, None, partition=1)])
    await module_pipeline.until_processed(topic)

    [(reason, letter)] = await module_pipeline.dead_letters(stage, since=before)
    assert (letter.key, letter.value) == (None, None)
    assert (reason["topic"], reason["partition"]) == (topic, "1")
    assert reason["offset"] == str(place.offset)
    assert worker.is_alive


async def test_windows_are_closed_by_a_later_observation_and_by_the_clock(
    module_pipeline: Pipeline, worker: Worker
) -> None:
    """Two observations in a window, one in the next, whose end the clock has long passed; then
    those in which the price is still known."""
    records = [
        priced("71006", at=0, dollars=10),
        priced("71006", at=2000, dollars=11, shipping=1),
        priced("71006", at=6000, dollars=8),
    ]

    await module_pipeline.produce(RAW, records)

    report = await module_pipeline.verified()
    assert report.is_clean, report
    stored = await module_pipeline.documents("price_windows", item_id="71006")
    first, second, third, fourth = (
        stored[f"71006:featured:{epoch_ms(at)}:5"] for at in (0, 5000, 10_000, 15_000)
    )
    assert len(stored) == 4
    assert (first["open"], first["high"], first["low"], first["close"]) == (1000, 1200, 1000, 1200)
    assert (first["observations"], first["changes"]) == (2, 1)
    # 10.00 for two seconds, then 12.00 for three.
    assert (first["mean"], first["coverage"]) == (1120.0, 1.0)
    # 12.00 carried in for a second, then 8.00 for four.
    assert (second["open"], second["high"], second["low"], second["close"]) == (
        1200,
        1200,
        800,
        800,
    )
    assert (second["observations"], second["mean"], second["coverage"]) == (1, 880.0, 1.0)
    # Nothing is observed any more, and 8.00 counts as known for twelve seconds.
    assert [(one["observations"], one["mean"]) for one in (third, fourth)] == [(0, 800.0)] * 2
    assert [one["coverage"] for one in (third, fourth)] == [1.0, 0.6]


async def test_an_item_is_shown_live_with_its_windows(
    module_pipeline: Pipeline, worker: Worker
) -> None:
    """The view reads the tables: it knows the open window, which is not stored yet."""
    now = time.time_ns() // 1_000_000 - epoch_ms(0)
    # Not so long ago that the item counts as forgotten.
    before = now - now % 5000 - 20_000
    records = [
        priced("71007", at=before, dollars=10),
        priced("71007", at=now, dollars=9, shipping=5),
    ]

    await module_pipeline.produce(RAW, records)
    await module_pipeline.until_settled()
    status, item = await worker.get("/api/items/71007")

    assert status == 200
    assert item["offers"].keys() == {"featured"}
    assert item["offers"]["featured"]["landed_cents"] == 1400
    windows = {window["start"]: window for window in item["windows"]}
    stored = await module_pipeline.documents("price_windows", item_id="71007")
    assert stored.keys() == {
        f"71007:featured:{epoch_ms(before + after)}:5" for after in (0, 5000, 10_000)
    }
    assert len(windows) == 2
    assert windows[max(windows)]["close"] == 1400
    assert (await worker.get("/api/items/71008"))[0] == 404


async def test_bad_watchlist_entries_are_dead_letters_and_good_ones_are_watched(
    module_pipeline: Pipeline, worker: Worker
) -> None:
    """A wrong entry cannot keep the right ones, before and behind it, from being taken."""
    good = encode_entry(WatchEntry(item_id="71002"))
    bad = [
        Record(None, good, partition=0),
        Record(b"", good),
        Record(b"not an id", good),
        Record(b"\xff", good),
        Record("７１".encode(), good),
        Record(b"71003", good),
        Record(b"71002", b"{"),
        Record(b"71002", b"[]"),
        Record(b"71002", b'{"schema":2,"item_id":"71002"}'),
        Record(b"71002", b'{"schema":1,"item_id":"71002","note":5}'),
        Record(b"71002", b'{"schema":1,"item_id":"71002","added_at":"yesterday"}'),
    ]

    before = await module_pipeline.ends(DEAD_LETTERS)
    tagged = Record(b"71006", b'{"schema":1,"item_id":"71006","tags":["Toys"]}')
    await module_pipeline.produce(
        WATCHLIST, [Record(b"71002", good), *bad, tagged, Record(b"71004", None)]
    )
    await module_pipeline.until_processed(WATCHLIST)

    letters = await module_pipeline.dead_letters("watchlist", since=before)
    assert Counter((letter.key, letter.value) for _, letter in letters) == Counter(
        (record.key, record.value) for record in bad
    )
    assert {reason["topic"] for reason, _ in letters} == {WATCHLIST}
    status, listing = await worker.get("/api/watchlist")
    assert status == 200
    assert [entry["item_id"] for entry in listing["items"]] == ["71002", "71006"]
    items = await module_pipeline.documents("items", watched=True)
    assert {name: item["tags"] for name, item in items.items()} == {"71002": [], "71006": ["toys"]}
    status, listing = await worker.get("/api/items?tag=toys")
    assert [item["item_id"] for item in listing["items"]] == ["71006"]
    assert worker.is_alive


def _change(**fields: object) -> bytes:
    """A valid ``price_change`` of item 71005; *fields* replace its own, ``...`` leaves one out."""
    change = {
        "type": "price_change",
        "schema": 1,
        "item_id": "71005",
        "offer": "featured",
        "name": "Kettle",
        "seller": "Walmart.com",
        "kinds": ["first_seen"],
        "price_cents": 1999,
        "shipping_cents": 0,
        "landed_cents": 1999,
        "two_day_cents": None,
        "available": True,
        "previous": None,
        "delta_cents": None,
        "delta_pct": None,
        "observed_at": "2026-01-01T00:00:00.000Z",
        "source": {"topic": RAW, "partition": 0, "offset": 0},
        **fields,
    }
    return orjson.dumps({name: value for name, value in change.items() if value is not ...})


def _window(**fields: object) -> bytes:
    """A valid ``window_closed`` of item 71005; *fields* replace its own, ``...`` leaves one out."""
    window = {
        "type": "window_closed",
        "schema": 1,
        "item_id": "71005",
        "offer": "featured",
        "start": "2026-01-01T00:00:00.000Z",
        "end": "2026-01-01T00:00:05.000Z",
        "observations": 1,
        "changes": 0,
        "open": 1999,
        "high": 1999,
        "low": 1999,
        "close": 1999,
        "mean": 1999.0,
        "coverage": 1.0,
        **fields,
    }
    return orjson.dumps({name: value for name, value in window.items() if value is not ...})


TOO_LARGE = 2**63  # for the database, not for JSON
NUL = {"a\0b": 1}

BAD_RESULTS = [
    b"",
    b"{",
    b"\xff",
    b"[]",
    b"null",
    b"{}",
    b'{"type":"unheard_of"}',
    b'{"type":["price_change"]}',
    _change(item_id=...),
    _change(item_id=71005),
    _change(item_id=["71005"], offer=["featured"]),
    _change(offer=None),
    _change(name=5),
    _change(kinds="price"),
    _change(kinds=[["price"]]),
    _change(price_cents=TOO_LARGE),
    _change(price_cents="1999"),
    _change(price_cents=19.99),
    _change(price_cents=True),
    _change(landed_cents=...),
    _change(available="true"),
    _change(previous=[]),
    _change(previous=NUL),
    _change(delta_pct="5"),
    _change(observed_at=...),
    _change(observed_at=1767225600),
    _change(observed_at="yesterday"),
    _change(source=None),
    _change(source={"topic": RAW, "partition": 0, "offset": TOO_LARGE}),
    _window(start=...),
    _window(start=0),
    _window(end="2026-01-01T00:00:05"),
    _window(observations="1"),
    _window(observations=None),
    _window(observations=TOO_LARGE),
    _window(open=NUL),
    _window(mean="1999"),
    _window(coverage=...),
]


async def test_bad_values_in_the_results_topic_are_dead_letters_and_good_ones_are_stored(
    module_pipeline: Pipeline, worker: Worker
) -> None:
    """Values that the database refuses again and again do not stop the sink either."""
    first, second = priced("71005", at=0, dollars=19.99), priced("71005", at=9000, dollars=18)
    bad = [Record(b"71005", value) for value in (None, *BAD_RESULTS)]
    before = await module_pipeline.ends(DEAD_LETTERS)

    await module_pipeline.produce(RAW, [first])
    await module_pipeline.until_settled()
    await module_pipeline.produce(RESULTS, bad)
    await module_pipeline.produce(RAW, [second])

    report = await module_pipeline.verified()
    assert report.is_clean, report
    letters = await module_pipeline.dead_letters("sink", since=before)
    assert Counter((letter.key, letter.value) for _, letter in letters) == Counter(
        (record.key, record.value) for record in bad
    )
    assert {reason["topic"] for reason, _ in letters} == {RESULTS}
    assert len(await module_pipeline.documents("price_changes", item_id="71005")) == 2
    assert worker.is_alive
    assert (await worker.counted("walmart_dead_letters_total"))["sink"] >= len(letters)
