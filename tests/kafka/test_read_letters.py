"""Letters of foreign producers, as the engine hands their records over."""

from __future__ import annotations

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from walmart_stream.kafka.dead_letters import read_letter
from walmart_stream.runtime.unpacking import records_of


def test_a_letter_without_headers_is_named_by_its_place() -> None:
    """Decoded records know neither topic nor partition; asking them for these ended the worker."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, 0, 10**6)
    builder.append(0, 1234, None, b"order", [])
    [record] = records_of(TopicPartition("letters", 3), bytes(builder.build()), 0)

    letter = read_letter(record, "letters", 3)

    assert (letter.name, letter.topic, letter.value, letter.at) == (
        "letters:3:0",
        "",
        b"order",
        1234,
    )
