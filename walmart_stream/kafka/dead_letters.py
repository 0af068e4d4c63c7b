"""The dead-letter topic as its readers see it: what each letter was, and putting it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from walmart_stream import topics
from walmart_stream.kafka.clients import MAX_MESSAGE_BYTES, client_options, start
from walmart_stream.kafka.reading import read_topic
from walmart_stream.settings import Settings

PREFIX = "x-error-"
CUT = PREFIX + "cut"

# A record that was refused for its time came before it; put back now, it may be right.
BAD_TIME = "BadTime"


class Letter(NamedTuple):
    """One dead letter. ``topic`` is empty where it came by HTTP: it has no place to go back to.

    ``timestamp`` is the original record's and ``at`` that of its end (epoch ms); ``headers`` are
    the original ones. ``cut`` says how large key and value were, if they are not whole.
    """

    name: str
    topic: str
    partition: int
    offset: int
    stage: str
    fault: str
    message: str
    timestamp: int
    at: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]
    cut: str | None

    @property
    def can_be_put_back(self) -> bool:
        """Whether the original is known, and whole."""
        return bool(self.topic) and self.cut is None


def read_letter(record: Any) -> Letter:
    """The letter in a *record* of the topic. What a foreign record lacks is empty."""
    ours: dict[str, str] = {}
    theirs: list[tuple[str, bytes]] = []
    for name, text in record.headers:
        # Ours come first; what follows are the original record's, which may have the same.
        if name.startswith(PREFIX) and name not in ours and not theirs:
            ours[name] = (text or b"").decode("utf-8", "replace")
        else:
            theirs.append((name, text))
    topic = ours.get(PREFIX + "topic", "")
    partition = _number(ours.get(PREFIX + "partition"))
    offset = _number(ours.get(PREFIX + "offset"))
    known = bool(topic) and partition >= 0 and offset >= 0
    return Letter(
        f"{topic}:{partition}:{offset}"
        if known
        else f"{record.topic}:{record.partition}:{record.offset}",
        topic if known else "",
        partition,
        offset,
        ours.get(PREFIX + "stage", ""),
        ours.get(PREFIX + "class", ""),
        ours.get(PREFIX + "message", ""),
        _number(ours.get(PREFIX + "timestamp")),
        record.timestamp,
        record.key,
        record.value,
        theirs,
        ours.get(CUT),
    )


async def read_letters(settings: Settings) -> AsyncIterator[Letter]:
    """All letters that the topic holds, partition by partition.

    Raises:
        KafkaError, TimeoutError: the topic cannot be read.
    """
    async for record in read_topic(settings, topics.DEAD_LETTERS.name):
        yield read_letter(record)


async def put_back(settings: Settings, letters: Iterable[Letter]) -> int:
    """Append the originals of *letters* to the partitions that they came from; how many.

    Key, value and headers are the original bytes. Returns when the brokers have all.

    Raises:
        KafkaError: some are not acknowledged; putting them back again is harmless.
    """
    producer = AIOKafkaProducer(
        **client_options(settings), acks="all", max_request_size=2 * MAX_MESSAGE_BYTES
    )
    count = 0
    try:
        await start(producer, settings)
        for letter in letters:
            batch = producer.create_batch()
            timestamp = None if letter.fault == BAD_TIME else letter.timestamp
            batch.append(
                timestamp=timestamp, key=letter.key, value=letter.value, headers=letter.headers
            )
            sent = await producer.send_batch(batch, letter.topic, partition=letter.partition)
            await sent
            count += 1
    finally:
        await producer.stop()
    return count


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        return -1
