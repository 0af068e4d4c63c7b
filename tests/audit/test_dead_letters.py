"""Dead letters: one for each bad record of the raw topic, with its bytes untouched."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.made import TOPIC, Record
from walmart_stream import topics
from walmart_stream.agents.dead_letters import add_dead_letter
from walmart_stream.audit.dead_letters import READ_TODAY, RECORD_GONE, BadRecord, DeadLetterCheck
from walmart_stream.audit.misplaced import digest_of
from walmart_stream.domain.errors import MalformedJson
from walmart_stream.domain.reading import encode

BAD: list[Record] = [(0, 5, b"1", b"{"), (1, 6, None, None), (1, 7, b"k", b"")]
ENDS = {0: 6, 1: 8}


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


def refuse(letters: Any, record: Any) -> None:
    fault = MalformedJson("not JSON")
    add_dead_letter(letters, record.topic, record.partition, record, "process", fault)


def check(records: list[Record], starts: dict[int, int] | None = None) -> DeadLetterCheck:
    """The check of the dead letters that an agent writes for *records*."""
    letters: Any = Letters()
    for record in records:
        refuse(letters, Consumed(*record))
    bad = {
        (partition, offset): BadRecord(digest_of(key, value), 0)
        for partition, offset, key, value in BAD
    }
    found = DeadLetterCheck(bad, starts or {}, ENDS)
    for headers, key, original in letters.kept:
        found.add(headers, key, original)
    return found


def test_one_dead_letter_for_each_bad_record_is_clean() -> None:
    """A repeat is counted and no difference: dead-lettering is at least once."""
    found = check([*BAD, BAD[0]])

    comparison = found.finish()
    assert (comparison.expected, comparison.stored, comparison.differences) == (3, 4, 0)
    assert found.repeats == 1


def test_headers_of_the_original_record_may_have_no_value() -> None:
    """Kafka allows it, and they follow ours in a dead letter."""
    found = check([])

    found.add([("x-error-topic", topics.RESULTS.name.encode()), ("trace", None)], b"1", b"{")

    assert found.finish().stored == 0


def test_missing_superfluous_and_changed_dead_letters_are_differences() -> None:
    """Named by partition and offset in the raw topic."""
    changed: Record = (1, 6, None, b"other bytes")
    superfluous: Record = (0, 4, b"1", b"{")

    comparison = check([BAD[0], changed, superfluous]).finish()

    assert comparison.first_lost == ["1:7"]
    assert comparison.first_unexpected == ["0:4"]
    assert comparison.first_wrong == ["1:6 (original bytes)"]


@pytest.mark.parametrize("rate", [b'""', b"-1", b"[]"])
def test_a_dead_letter_that_this_release_would_not_write_cannot_be_told(rate: bytes) -> None:
    """An earlier one refused the whole item for an odd field; its results are judged elsewhere."""
    payload = b'{"itemId":1,"salePrice":2.5,"standardShipRate":%s}' % rate
    value = encode(source="affiliate", item_id="1", observed_at=5, request_id=None, payload=payload)

    comparison = check([*BAD, (0, 4, b"1", value)]).finish()

    assert (comparison.untold, comparison.differences) == ({READ_TODAY: 1}, 0)


def test_dead_letters_of_later_records_and_of_deleted_ones_are_no_differences() -> None:
    """The log may have grown since it was read, and retention may have cut it."""
    later = check([*BAD, (0, 6, b"1", b"{")]).finish()
    gone = check([*BAD, (0, 1, b"1", b"{")], starts={0: 2}).finish()

    assert (later.later, later.differences) == (1, 0)
    assert (gone.untold[RECORD_GONE], gone.differences) == (1, 0)


def test_letters_that_retention_may_have_deleted_are_not_lost() -> None:
    """Where the topic of dead letters has lost its beginning, too."""
    comparison = check(BAD[:1]).finish(letters_lost=True)

    assert (comparison.lost, comparison.untold_count) == (0, 2)
