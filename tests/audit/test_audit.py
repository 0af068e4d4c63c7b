"""The audit: finds what is lost, unexpected and wrong, and nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from motor.motor_asyncio import AsyncIOMotorClient

from walmart_stream import topics
from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.audit import (
    DeadLetterCheck,
    Expected,
    Report,
    compare,
    expected_results,
    partition_of,
    report_lines,
)
from walmart_stream.audit.verify import verify
from walmart_stream.domain import events
from walmart_stream.domain.apply import Entry, apply, close_windows
from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.events import PriceChange, Source
from walmart_stream.domain.reading import observation
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.clients import client_options
from walmart_stream.kafka.reading import read_topic
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.settings import Settings
from walmart_stream.storage.writes import Results, store

TOPIC = topics.RAW.name
PARTITIONS = 4
RULES = Rules(window_ms=3_600_000, known_ms=10_800_000)
HOUR = 3_600_000
START = 1_795_370_400_000
LONG_AFTER = START + 1000 * HOUR

Record = tuple[int, int, bytes | None, bytes | None]


def home(item_id: str) -> int:
    return partition_of(item_id.encode(), PARTITIONS)


def value(item_id: str, at: int, price: float) -> bytes:
    payload = {"itemId": int(item_id), "name": "Kettle", "salePrice": price, "standardShipRate": 5}
    return observation.encode(
        source="affiliate",
        item_id=item_id,
        observed_at=at,
        request_id="r",
        payload=orjson.dumps(payload),
    )


def log_of(*looks: tuple[str, int, float]) -> list[Record]:
    """Looks (item id, observed at, price) as records in the partitions they belong to."""
    offsets = [0] * PARTITIONS
    records: list[Record] = []
    for item_id, at, price in looks:
        partition = home(item_id)
        records.append((partition, offsets[partition], item_id.encode(), value(item_id, at, price)))
        offsets[partition] += 1
    return records


def expect(records: list[Record], now_ms: int = LONG_AFTER) -> Expected:
    return expected_results(records, TOPIC, PARTITIONS, RULES, now_ms)


LOG = log_of(
    ("1", START, 10.0),
    ("2", START + 5, 20.0),
    ("1", START + 60_000, 11.0),
    ("1", START + 60_000, 12.0),
    ("1", START + 30_000, 13.0),
    ("1", START + HOUR, 11.0),
    ("2", START + HOUR, 19.0),
    ("33", START + HOUR, 7.0),
)


# -- what is expected -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [b"", b"1", b"12417832", b"\xff" * 9])
def test_keys_are_hashed_as_kafka_does(key: bytes) -> None:
    """The same partition as that of every producer with the default partitioner."""
    everywhere = list(range(12))

    assert partition_of(key, 12) == DefaultPartitioner()(key, everywhere, everywhere)


def test_the_documents_and_counts_of_a_log() -> None:
    """Ids are made of content; duplicates and late ones are counted."""
    expected = expect(LOG)

    assert set(expected.changes) == {
        f"1:featured:{START}",
        f"1:featured:{START + 60_000}",
        f"2:featured:{START + 5}",
        f"2:featured:{START + HOUR}",
        f"33:featured:{START + HOUR}",
    }
    assert set(expected.offers) == {"1:featured", "2:featured", "33:featured"}
    assert set(expected.required) == {
        f"{item_id}:featured:{start}"
        for item_id, start in [
            ("1", START),
            ("2", START),
            ("1", START + HOUR),
            ("2", START + HOUR),
            ("33", START + HOUR),
        ]
    }
    assert expected.allowed == {}
    counts = (expected.observations, expected.applied, expected.duplicate, expected.late)
    assert counts == (8, 6, 1, 1)


def test_open_windows_are_allowed_until_the_clock_has_surely_closed_them() -> None:
    """A minute after their end the clock closes them; two more are granted for the way."""
    latest = START + 2 * HOUR + 180_000

    open_still = expect(LOG, latest)
    closed = expect(LOG, latest + 1)

    assert set(open_still.allowed) == {f"{one}:featured:{START + HOUR}" for one in ("1", "2", "33")}
    assert set(open_still.required) == {f"{one}:featured:{START}" for one in ("1", "2")}
    assert closed.allowed == {}
    assert closed.required == {**open_still.required, **open_still.allowed}


def test_bad_records_are_expected_as_dead_letters() -> None:
    """By their place; they count as observations and as nothing else."""
    bad: list[Record] = [(0, 100, b"1", b"{"), (0, 101, None, None), (3, 102, b"2", b"[]")]

    expected = expect([*LOG, *bad])

    assert set(expected.bad) == {(0, 100), (0, 101), (3, 102)}
    assert expected.changes == expect(LOG).changes


def test_a_misplaced_record_counts_where_it_was_forwarded_to() -> None:
    """Its own place is passed over; without a copy it is pending."""
    wrong = (home("1") + 1) % PARTITIONS
    misplaced: Record = (wrong, 50, b"1", value("1", START, 10.0))
    copy: Record = (home("1"), 9, b"1", value("1", START, 10.0))

    waiting = expect([misplaced])
    forwarded = expect([copy, misplaced])

    assert (waiting.misplaced, waiting.pending, waiting.changes) == (1, 1, {})
    assert (forwarded.misplaced, forwarded.pending, forwarded.applied) == (1, 0, 1)
    assert forwarded.changes == expect([copy]).changes


def test_partitions_may_mix() -> None:
    """Only the order within a partition counts."""
    by_partition = sorted(LOG, key=lambda record: record[0])

    mixed, sorted_ = expect(LOG), expect(by_partition)

    assert mixed.changes == sorted_.changes
    assert mixed.required == sorted_.required


# -- dead letters -----------------------------------------------------------------------------


class Consumed:
    """A consumed record, as much of it as dead letters need."""

    def __init__(self, partition: int, offset: int, key: bytes | None, value: bytes | None) -> None:
        self.topic, self.partition, self.offset = TOPIC, partition, offset
        self.key, self.value, self.timestamp = key, value, 0
        # A producer may have sent what looks like ours.
        self.headers = [("x-error-offset", b"999")]


class Letters:
    """An outbox that keeps what is put into it."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[tuple[str, bytes]], bytes | None, bytes | None]] = []

    def add(self, topic: str, key: Any, value: Any, *, partition: int, headers: list[Any]) -> None:
        self.kept.append((headers, key, value))


BAD: list[Record] = [(0, 5, b"1", b"{"), (1, 6, None, None), (1, 7, b"k", b"")]


def _refuse(letters: Any, record: Any) -> None:
    fault = MalformedJson("not JSON")
    add_dead_letter(letters, record.topic, record.partition, record, "process", fault)


def check(records: list[Record], expected: Expected) -> DeadLetterCheck:
    """The check of the dead letters that an agent writes for *records*."""
    letters: Any = Letters()
    for record in records:
        _refuse(letters, Consumed(*record))
    found = DeadLetterCheck(expected)
    for headers, key, original in letters.kept:
        found.add(headers, key, original)
    return found


def test_one_dead_letter_for_each_bad_record_is_clean() -> None:
    """A repeat is counted and no difference: dead-lettering is at least once."""
    found = check([*BAD, BAD[0]], expect(BAD))

    comparison = found.finish()
    assert (comparison.expected, comparison.stored, comparison.differences) == (3, 4, 0)
    assert found.repeats == 1


def test_headers_of_the_original_record_may_have_no_value() -> None:
    """Kafka allows it, and they follow ours in a dead letter."""
    found = DeadLetterCheck(expect(BAD))

    found.add([("x-error-topic", topics.RESULTS.name.encode()), ("trace", None)], b"1", b"{")

    assert found.finish().stored == 0


def test_missing_superfluous_and_changed_dead_letters_are_differences() -> None:
    """Named by partition and offset in the raw topic."""
    changed: Record = (1, 6, None, b"other bytes")
    superfluous: Record = (0, 4, b"1", b"{")

    comparison = check([BAD[0], changed, superfluous], expect(BAD)).finish()

    assert comparison.first_lost == ["1:7"]
    assert comparison.first_unexpected == ["0:4"]
    assert comparison.first_wrong == ["1:6 (original bytes)"]


def test_dead_letters_of_other_topics_and_later_records_are_none_of_this() -> None:
    """The sink has its own, and the log may have grown since it was read."""
    found = DeadLetterCheck(expect(BAD))
    found.add([("x-error-topic", topics.RESULTS.name.encode())], b"1", b"{")
    later = check([*BAD, (0, 6, b"1", b"{")], expect(BAD)).finish()

    assert (later.later, later.differences) == (1, 0)
    assert found.finish().stored == 0


# -- the comparison with MongoDB --------------------------------------------------------------


@pytest.fixture(name="database")
async def motor_database(mongod: Any, mongodb_database: str) -> AsyncIterator[Any]:
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(mongod.uri)
    yield client[mongodb_database]
    client.close()


async def store_results(records: list[Record], database: Any, now_ms: int = LONG_AFTER) -> None:
    """What the pipeline stores for *records*, by its own writes."""
    entries = [
        Entry(observation.decode(key, raw), Source(TOPIC, partition, offset))
        for partition, offset, key, raw in records
    ]
    outcome = apply({}, entries, RULES)
    sent = list(outcome.events)
    for item_id, state in outcome.states.items():
        sent += close_windows(item_id, state, now_ms, RULES)[1]
    results = Results()
    for event in sent:
        fields = orjson.loads(events.encode(event))
        if isinstance(event, PriceChange):
            results.add_change(fields)
        else:
            results.add_window(fields)
    await store(database, results)


async def test_what_the_pipeline_stores_is_clean(database: Any) -> None:
    """No difference in any collection, also when it was all written twice."""
    await store_results(LOG, database)
    await store_results(LOG, database)

    report = await compare(expect(LOG), database)

    assert report.is_clean, "\n".join(report_lines(report))
    stored = {name: part.stored for name, part in report.collections.items()}
    assert stored == {"price_changes": 5, "offers": 3, "price_windows": 5}


async def test_the_seller_side_is_recomputed_too(database: Any) -> None:
    """Own, rivals and who holds the box; a holder that is not the one told is a difference."""
    row = {"report": "BUYBOX", "row": {"Seller Item Price": "9.00", "isSellerBuyBoxWinner": "Yes"}}
    rival = {"sellerName": "Acme", "sellerOfferPrice": 8}
    event = {
        "source": {"eventType": "BUY_BOX_CHANGED"},
        "payload": {"offer": {"currentOffer": {"sellerOfferPrice": 9}, "winningOffer": rival}},
    }
    other = {"source": {"eventType": "PO_CREATED"}, "payload": {}}
    said = [("seller", row), ("webhook", event), ("webhook", other)]
    mixed = list(LOG)
    for number, (source, payload) in enumerate(said):
        raw = observation.encode(
            source=source,
            item_id="1",
            observed_at=START + number,
            request_id="r",
            payload=orjson.dumps(payload),
        )
        mixed.append((home("1"), 100 + number, b"1", raw))
    await store_results(mixed, database)

    clean = await compare(expect(mixed), database)
    await edit(database, "offers", "1:own", {"$set": {"buy_box.holder": "own"}})
    edited = await compare(expect(mixed), database)

    assert clean.is_clean, "\n".join(report_lines(clean))
    assert clean.silent == 1
    assert clean.collections["offers"].stored == 5
    assert (edited.wrong, edited.collections["offers"].first_wrong) == (1, ["1:own (buy_box)"])


async def test_an_empty_database_has_lost_everything(database: Any) -> None:
    """Everything expected is lost, the first ones by name and in order."""
    report = await compare(expect(LOG), database)

    changes = report.collections["price_changes"]
    assert (report.lost, report.unexpected, report.wrong) == (13, 0, 0)
    assert changes.first_lost == sorted(expect(LOG).changes)
    assert not report.is_clean


async def test_a_full_database_without_a_log_is_all_unexpected(database: Any) -> None:
    """Nothing is excused by a log that holds nothing."""
    await store_results(LOG, database)

    report = await compare(expect([]), database)

    assert (report.lost, report.unexpected, report.wrong) == (0, 13, 0)


async def edit(database: Any, collection: str, name: str, change: dict[str, Any]) -> None:
    result = await database[collection].update_one({"_id": name}, change)
    assert result.matched_count == 1


@pytest.mark.parametrize(
    ("collection", "name", "change", "fields"),
    [
        ("price_changes", f"1:featured:{START}", {"$set": {"price_cents": 1}}, "price_cents"),
        ("price_changes", f"1:featured:{START}", {"$set": {"price_cents": 1000.0}}, "price_cents"),
        ("price_changes", f"1:featured:{START}", {"$set": {"available": 1}}, "available"),
        ("price_changes", f"1:featured:{START}", {"$unset": {"previous": 1}}, "previous"),
        ("price_changes", f"1:featured:{START}", {"$set": {"source.offset": 9}}, "source"),
        ("offers", "2:featured", {"$set": {"more": 1, "name": "?"}}, "more, name"),
        ("price_windows", f"1:featured:{START}", {"$set": {"mean": 1.0}}, "mean"),
        ("price_windows", f"1:featured:{START}", {"$inc": {"observations": -1}}, "observations"),
    ],
)
async def test_a_document_that_differs_is_wrong(
    database: Any, collection: str, name: str, change: dict[str, Any], fields: str
) -> None:
    """In any field, by value or by type; the report names document and fields."""
    await store_results(LOG, database)
    await edit(database, collection, name, change)

    report = await compare(expect(LOG), database)

    assert (report.lost, report.unexpected, report.wrong) == (0, 0, 1)
    assert report.collections[collection].first_wrong == [f"{name} ({fields})"]


async def test_missing_and_superfluous_documents_are_found(database: Any) -> None:
    """At the ends and in the middle, and ids of any type."""
    await store_results(LOG, database)
    lost = [f"1:featured:{START}", f"33:featured:{START + HOUR}"]
    await database.price_changes.delete_many({"_id": {"$in": lost}})
    extra: list[Any] = ["0:featured:0", f"1:featured:{START + 1}", "~", 5]
    await database.price_changes.insert_many([{"_id": name} for name in extra])

    report = await compare(expect(LOG), database)

    changes = report.collections["price_changes"]
    assert (changes.expected, changes.stored) == (5, 7)
    assert changes.first_lost == lost
    assert sorted(changes.first_unexpected) == sorted(["5", *map(str, extra[:3])])
    assert changes.wrong == 0


async def test_open_windows_may_be_stored_or_not(database: Any) -> None:
    """As they are, or as they were with fewer observations; but not with what they never were."""
    looks = [("1", START, 10.0), ("1", START + 1000, 9.0), ("1", START + 2000, 11.0)]
    now = START + HOUR
    expected = expect(log_of(*looks), now)
    name = f"1:featured:{START}"

    await store_results(log_of(*looks), database, now)
    absent = await compare(expected, database)
    await store_results(log_of(*looks[:2]), database)
    earlier = await compare(expected, database)
    await store_results(log_of(*looks), database)
    equal = await compare(expected, database)
    await edit(database, "price_windows", name, {"$set": {"observations": 2, "high": 1}})
    never = await compare(expected, database)

    assert [one.is_clean for one in (absent, earlier, equal, never)] == [True, True, True, False]
    assert [one.collections["price_windows"].stored for one in (absent, earlier)] == [0, 1]
    assert never.collections["price_windows"].wrong == 1


async def test_what_came_after_the_log_was_read_is_no_difference(database: Any) -> None:
    """A running pipeline stores on: such documents are told apart by their place in the log."""
    expected = expect(LOG[:2], START + HOUR)
    await store_results(LOG[:3], database)

    report = await compare(expected, database)

    assert report.is_clean, "\n".join(report_lines(report))
    assert {name: part.later for name, part in report.collections.items()} == {
        "price_changes": 1,
        "offers": 1,
        "price_windows": 1,
    }


async def test_only_the_first_differences_are_named(database: Any) -> None:
    """The rest is a number; the report stays readable."""
    looks = [("1", START + second * 1000, float(second % 2)) for second in range(30)]

    report = await compare(expect(log_of(*looks)), database)

    lines = report_lines(report)
    assert report.collections["price_changes"].lost == 30
    assert "  lost: and 10 more" in lines
    assert lines[-1] == "NOT CLEAN"


def test_a_record_that_waits_to_be_forwarded_is_not_clean() -> None:
    """It is in the log and not in the results."""
    report = Report(1, 0, 0, 0, 0, misplaced=1, pending=1, truncated=[2], collections={})

    lines = report_lines(report)

    assert not report.is_clean
    assert any("wait to be forwarded" in line for line in lines)
    assert any("no longer starts at offset 0 in 1 partition" in line for line in lines)


# -- the command ------------------------------------------------------------------------------

Produce = Callable[[str, Record, list[tuple[str, bytes]]], Awaitable[None]]


@pytest.fixture(name="settings")
async def own_settings(
    fresh_broker: Any, make_unreachable_settings: Any, mongod: Any, mongodb_database: str
) -> Settings:
    settings: Settings = make_unreachable_settings(
        kafka_brokers=(fresh_broker.bootstrap,),
        kafka_partitions=PARTITIONS,
        mongodb_uri=mongod.uri,
        mongodb_database=mongodb_database,
    )
    await create_topics(settings)
    return settings


@pytest.fixture(name="produce")
async def producing(settings: Settings) -> AsyncIterator[Produce]:
    async with AIOKafkaProducer(**client_options(settings), acks="all") as producer:

        async def produce(topic: str, record: Record, headers: list[tuple[str, bytes]]) -> None:
            partition, _, key, raw = record
            await producer.send_and_wait(topic, raw, key, partition, headers=headers)

        yield produce


async def test_verify_reads_the_topics_and_the_database(
    settings: Settings, produce: Produce, database: Any
) -> None:
    """Clean if results and dead letters are stored, and not if one of each is missing."""
    bad: Record = (2, 0, b"1", b"{")
    for record in [*LOG, bad]:
        await produce(TOPIC, record, [])
    letters: Any = Letters()
    async for consumed in read_topic(settings, TOPIC):
        if consumed.value == bad[3]:
            _refuse(letters, consumed)
    await store_results(LOG, database)

    before = await verify(settings, clock=lambda: LONG_AFTER)
    for headers, _, _ in letters.kept:
        await produce(topics.DEAD_LETTERS.name, bad, headers)
    after = await verify(settings, clock=lambda: LONG_AFTER)
    await database.price_changes.delete_one({"_id": f"2:featured:{START + 5}"})
    later = await verify(settings, clock=lambda: LONG_AFTER)

    assert (before.is_clean, before.lost) == (False, 1)
    assert after.is_clean, "\n".join(report_lines(after))
    assert (after.observations, after.bad, after.duplicate, after.late) == (9, 1, 1, 1)
    assert (later.is_clean, later.lost) == (False, 1)
