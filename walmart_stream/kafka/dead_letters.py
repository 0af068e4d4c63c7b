"""The dead-letter topic as its readers see it: what each letter was, and putting it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from xxhash import xxh3_128

from walmart_stream import topics
from walmart_stream.kafka.clients import MAX_MESSAGE_BYTES, client_options, start
from walmart_stream.kafka.producing import Batches
from walmart_stream.kafka.reading import end_offsets, read_topic
from walmart_stream.settings import Settings

PREFIX = "x-error-"
CUT = PREFIX + "cut"

# A record that was refused for its time came before it; put back now, it may be right.
BAD_TIME = "BadTime"

# Bytes of originals that are on their way at a time, and what each counts beside its value; more
# would only be memory.
PART_BYTES = 8 * 1024 * 1024
OVERHEAD = 1024
BATCH_BYTES = 256 * 1024


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


def read_letter(record: Any, topic: str, partition: int) -> Letter:
    """The letter in a *record* of *topic*. What a foreign record lacks is empty."""
    place = f"{topic}:{partition}:{record.offset}"
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
        f"{topic}:{partition}:{offset}" if known else place,
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
        yield read_letter(record, record.topic, record.partition)


async def put_back(
    settings: Settings,
    wanted: Callable[[Letter], bool],
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[str]:
    """Append the originals of *wanted* letters to the partitions that they came from; their names.

    Key, value and headers are the original bytes. The same original is put back once, however often
    it became a dead letter: replayed again and again, it would otherwise be twice as many letters
    each time. Letters are read, sent and awaited part by part, so that they may be any number.
    *progress* gets the number of offsets read so far, and of all. What becomes a dead letter
    meanwhile is not looked at.

    Raises:
        KafkaError, TimeoutError: some are not there; putting them back again is harmless.
    """
    ends = await end_offsets(settings, topics.DEAD_LETTERS.name)
    total = sum(ends.values())
    producer = AIOKafkaProducer(
        **client_options(settings),
        acks="all",
        max_batch_size=BATCH_BYTES,
        max_request_size=2 * MAX_MESSAGE_BYTES,
    )
    known: set[bytes] = set()
    names: dict[str, None] = {}
    batches, size = Batches(producer), 0
    try:
        await start(producer, settings)
        read = 0
        async for letter in read_letters(settings):
            read += 1
            if not letter.can_be_put_back or not wanted(letter):
                continue
            names[letter.name] = None
            if (content := _digest(letter)) in known:
                continue
            known.add(content)
            batches.add(
                letter.topic,
                letter.key,
                letter.value,
                partition=letter.partition,
                headers=letter.headers,
                timestamp=None if letter.fault == BAD_TIME else letter.timestamp,
            )
            size += OVERHEAD + len(letter.value or b"")
            if size >= PART_BYTES:
                await batches.send()
                batches, size = Batches(producer), 0
                progress(read, total)
        await batches.send()
        progress(total, total)
    finally:
        await producer.stop()
    return list(names)


def _digest(letter: Letter) -> bytes:
    place = f"{letter.topic}:{letter.partition}".encode()
    fields = [place, letter.key, letter.value]
    for name, text in letter.headers:
        fields += [name.encode(), text]
    found = xxh3_128()
    for field in fields:
        # With its length, or a key's end could be a value's beginning.
        found.update(b"-" if field is None else b"%d:%b" % (len(field), field))
    return found.digest()


def _number(text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError:
        return -1
