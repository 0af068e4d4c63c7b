"""A topic that is followed: fresh for everybody who asks, and read once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from tests.hang import DEADLINE
from walmart_stream import topics
from walmart_stream.domain.watch import WatchEntry
from walmart_stream.domain.watched import Watched
from walmart_stream.kafka import followed, watchlist
from walmart_stream.kafka.followed import Followed, LogBeganAnew, Take, _Taken
from walmart_stream.kafka.reading import fetch
from walmart_stream.kafka.topic_admin import create_topics
from walmart_stream.local.broker import EmbeddedBroker
from walmart_stream.settings import Settings

pytestmark = pytest.mark.integration

TP = TopicPartition("x", 0)


class Copy:
    """The watchlist as a worker's views have it."""

    def __init__(self, settings: Settings, idle: float = 60.0) -> None:
        self.watched = Watched()
        self.readings = 0
        self.followed = Followed(settings, topics.WATCHLIST.name, self._begin, idle)

    def _begin(self) -> Take:
        self.readings += 1
        self.watched = Watched()
        return self.watched.take

    async def ids(self) -> list[str]:
        await self.followed.catch_up()
        return [entry.item_id for entry in self.watched.entries()]


@pytest.fixture
async def settings(fresh_broker: EmbeddedBroker, make_unreachable_settings) -> Settings:
    """Settings of a broker of this test's own, with the topics."""
    found = make_unreachable_settings(kafka_brokers=(fresh_broker.bootstrap,), kafka_partitions=3)
    await create_topics(found)
    return found


@pytest.fixture
async def copy(settings: Settings) -> AsyncIterator[Copy]:
    copy = Copy(settings)
    yield copy
    await copy.followed.stop()


async def test_what_was_acknowledged_is_there(settings, copy) -> None:
    """Whoever added or removed it, and however often it is asked."""
    for number in range(1, 5):
        await watchlist.add(settings, [WatchEntry(item_id=str(number))])
        assert await copy.ids() == [str(n) for n in range(1, number + 1)]
    await watchlist.remove(settings, ["2"])

    assert await copy.ids() == ["1", "3", "4"]
    assert copy.readings == 1


async def test_the_broker_is_not_asked_while_nobody_asks(settings, copy, monkeypatch) -> None:
    """A worker asks every other second, and ten fetches a second took a third of its idle time."""
    fetches = 0

    async def counting(*args: Any, **kwargs: Any) -> Any:
        nonlocal fetches
        fetches += 1
        return await fetch(*args, **kwargs)

    monkeypatch.setattr(followed, "fetch", counting)
    assert await copy.ids() == []
    before = fetches

    await watchlist.add(settings, [WatchEntry(item_id="1")])

    # By now it would have brought the record.
    assert list(await watchlist.listing(settings)) == ["1"]
    assert fetches == before
    assert await copy.ids() == ["1"]


async def test_many_callers_share_one_reading(settings, copy) -> None:
    """1,500 callers that hung up had a consumer each, and kept it."""
    await watchlist.add(settings, [WatchEntry(item_id="1")])
    callers = [asyncio.create_task(copy.ids()) for _ in range(300)]
    await asyncio.sleep(0)
    for caller in callers[:250]:
        caller.cancel()

    answers = await asyncio.gather(*callers[250:])

    assert answers == [["1"]] * 50
    assert copy.readings == 1


async def test_nothing_is_kept_when_nobody_asks(settings) -> None:
    """The next one who asks begins anew."""
    copy = Copy(settings, idle=0.2)
    await watchlist.add(settings, [WatchEntry(item_id="1")])
    assert await copy.ids() == ["1"]

    async with asyncio.timeout(DEADLINE):
        while len(copy.watched):  # noqa: ASYNC110 - what is awaited has no event
            await asyncio.sleep(0.01)

    assert await copy.ids() == ["1"]
    await copy.followed.stop()


async def test_who_cannot_be_answered_is_told(make_unreachable_settings) -> None:
    """With the reason, and not by waiting for ever."""
    copy = Copy(make_unreachable_settings())

    for _ in range(2):
        with pytest.raises(Exception, match=r"127\.0\.0\.1:1"):
            await copy.ids()


class MadeAgain:
    """A consumer of a topic with three records, which is made again, empty, when those are read."""

    def __init__(self) -> None:
        self.at, self.polls, self.fetches = 0, 0, 0
        self._fetcher = SimpleNamespace(_records={})

    def last_poll_timestamp(self, tp: TopicPartition) -> int:
        self.polls += 1
        return self.polls

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {0}

    async def getmany(self, *_: object, **__: object) -> dict[TopicPartition, list[object]]:
        await asyncio.sleep(0)
        self.fetches += 1
        if self.fetches > 1:
            # What aiokafka does where the broker no longer has the offset.
            self.at = 0
            return {}
        self.at = 3
        return {TP: log()}

    def highwater(self, tp: TopicPartition) -> int:
        return 3 if self.fetches < 2 else 0

    async def position(self, tp: TopicPartition) -> int:
        return self.at


def log(value: bytes = b"{}") -> list[Any]:
    return [SimpleNamespace(offset=n, key=b"%d" % n, value=value, timestamp=n) for n in range(3)]


async def test_a_topic_that_was_made_again_and_is_empty_is_noticed(settings) -> None:
    """Nothing is answered from what stood in the one before it."""
    taken: list[bytes | None] = []
    read = Followed(settings, "x", lambda: lambda key, value: taken.append(key))
    answer = asyncio.get_running_loop().create_future()
    read._asked.append(answer)

    with pytest.raises(LogBeganAnew, match="is at 0 after 2"):
        await read._read(MadeAgain(), [TP], [])  # type: ignore[arg-type]

    assert (len(taken), answer.done()) == (3, False)


async def test_a_topic_that_is_asked_about_for_long_is_not_read_anew(settings) -> None:
    """It shows its last records: a million would take seconds, once an hour."""
    copy = Copy(settings)
    copy.followed = Followed(settings, topics.WATCHLIST.name, copy._begin, proven=0.0)

    for number in range(1, 4):
        await watchlist.add(settings, [WatchEntry(item_id=str(number))])
        assert await copy.ids() == [str(n) for n in range(1, number + 1)]
        assert len(await copy.ids()) == number

    assert copy.readings == 1
    await copy.followed.stop()


@pytest.mark.parametrize("there", [log()[2:], log(b"other")[2:], log()[1:]])
def test_other_records_at_the_same_place_are_noticed(there) -> None:
    """A topic that was made again, and is longer than the one before, looks like the same."""
    read = _Taken()
    assert read.new(TP, log()) == log()
    read.read_again(SimpleNamespace(seek=lambda *_: None))  # type: ignore[arg-type]

    if there == log()[2:]:
        assert read.new(TP, there) == []
    else:
        with pytest.raises(LogBeganAnew):
            read.new(TP, there)
