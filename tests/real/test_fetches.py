"""Fetches, from a broker that knows sessions; the engine's tests fetch from one that does not."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import OffsetOutOfRangeError
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v11

from walmart_stream.runtime.fetches import (
    ENOUGH_TO_FETCH_AHEAD,
    LONGEST_FETCH_MS,
    LONGEST_QUIET_FETCH_MS,
    Fetches,
)
from walmart_stream.runtime.partitions import UNPROVEN_AFTER_MS, Answer

PARTITIONS = 3
MOST = 20_000
TIMEOUT = 1.0


class Witness:
    """A client that notes what is asked, and asks with *epoch* once if it is set."""

    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client
        self.asked: list[Any] = []
        self.epoch: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def send(self, node: int, request: Any) -> Any:
        if isinstance(request, FetchRequest):
            self.asked.append(request.build(FetchRequest_v11))
            if self.epoch is not None:
                request, self.epoch = _Spoilt(request, self.epoch), None
        return await self._client.send(node, request)

    @property
    def named(self) -> list[int]:
        """The partitions that the last request names."""
        return sorted(one[0] for _, partitions in self.asked[-1].topics for one in partitions)


class _Spoilt:
    """*request* in another *epoch*, as if others of the session were lost."""

    required_acks = None

    def __init__(self, request: FetchRequest, epoch: int) -> None:
        self._request = request
        self._epoch = epoch

    def prepare(self, versions: Any) -> Any:
        request = self._request.prepare(versions)
        request.session_epoch = self._epoch
        return request


class Log:
    """A topic; partitions are given by their numbers."""

    def __init__(self, bootstrap: str, topic: str, producer: AIOKafkaProducer) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self._producer = producer

    def tp(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    async def write(self, partition: int, *values: str) -> None:
        sent = [
            await self._producer.send(self.topic, value.encode(), partition=partition)
            for value in values
        ]
        for one in sent:
            await one


@pytest.fixture
async def log(kafka_node):
    bootstrap = kafka_node.bootstrap
    topic = f"fetched-{uuid.uuid4().hex}"
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        yield Log(bootstrap, topic, producer)


@pytest.fixture
async def client(log):
    client = AIOKafkaClient(bootstrap_servers=log.bootstrap)
    await client.bootstrap()
    await client.set_topics([log.topic])
    yield Witness(client)
    await client.close()


@pytest.fixture
async def fetches(client):
    fetches = Fetches(client, 2**20)
    yield fetches
    fetches.start_over()


@pytest.fixture
def fetch(fetches, log):
    """The values that are fetched of each partition from the given offset, once all have some."""

    async def call(start: dict[int, int], most: int = MOST) -> dict[int, list[str]]:
        reading = {log.tp(partition): offset for partition, offset in start.items()}
        fetched: dict[int, list[str]] = {}
        while len(fetched) < len(reading):
            left = {tp: at for tp, at in reading.items() if tp.partition not in fetched}
            for tp, one in (await fetches.fetch(reading, {*left}, TIMEOUT, most)).items():
                if one.records:
                    assert one.start == reading[tp]
                    fetched[tp.partition] = _values(one)
                    reading[tp] = one.end
        return fetched

    return call


def _values(answer: Answer) -> list[str]:
    return [record.value.decode() for record in answer.records]


def _records(answers: Iterable[Answer]) -> int:
    return sum(len(one.records) for one in answers)


async def test_a_fetch_begins_where_it_is_asked_to_whatever_was_fetched_before(log, fetch):
    """There is one truth of where reading stands, and it is not here."""
    await log.write(0, "a", "b")

    assert await fetch({0: 0}) == {0: ["a", "b"]}
    assert await fetch({0: 0}) == {0: ["a", "b"]}
    assert await fetch({0: 1}) == {0: ["b"]}


async def test_nothing_else_is_fetched_and_what_is_later_begins_at_its_start(log, client, fetch):
    """Megabytes of a changelog that is not restored now would be kept in vain."""
    await log.write(0, "a")
    await log.write(1, "b")

    assert await fetch({0: 0}) == {0: ["a"]}
    assert client.named == [0]
    assert await fetch({0: 0, 1: 0}) == {0: ["a"], 1: ["b"]}


async def test_what_waits_for_its_turn_is_fetched_ahead_and_kept(log, fetches, fetch):
    """The next records of a partition are there when it has done its batch."""
    await log.write(0, "a")
    await log.write(1, "b")
    reading = {log.tp(0): 0, log.tp(1): 0}

    answers: dict[TopicPartition, Answer] = {}
    while not answers.get(log.tp(0)):
        answers = await fetches.fetch(reading, {log.tp(0)}, TIMEOUT, MOST)

    assert answers.keys() == {log.tp(0)}
    assert await fetch({0: 0, 1: 0}) == {0: ["a"], 1: ["b"]}


async def test_the_fetch_after_one_that_brought_little_waits_to_be_asked_for(log, client, fetch):
    """It then brings the newest records, from all partitions at once."""
    await log.write(0, "a")
    await fetch({0: 0})
    asked = len(client.asked)
    await log.write(0, "b")

    assert len(client.asked) == asked
    assert await fetch({0: 1}) == {0: ["b"]}


async def test_the_fetch_after_one_that_brought_much_goes_ahead(log, client, fetches, fetch):
    """While that is processed, the broker's answer is on its way."""
    await log.write(0, *["a"] * ENOUGH_TO_FETCH_AHEAD)
    reading = {log.tp(0): 0}

    fetched = 0
    while fetched < ENOUGH_TO_FETCH_AHEAD:
        asked = len(client.asked)
        answers = await fetches.fetch(reading, {*reading}, TIMEOUT, MOST)
        fetched = _records(answers.values())

    assert asked != len(client.asked)
    [pending] = fetches._pending.values()
    await log.write(0, "b")
    # It brings "b", unless writing took longer than the broker waits.
    await pending
    assert await fetch({0: fetched}) == {0: ["b"]}


async def test_what_was_fetched_ahead_is_dropped_when_reading_goes_on_elsewhere(log, fetch):
    """A rebalance, a parked partition or a log that lost its end: whatever the reason is."""
    await log.write(0, *["a"] * ENOUGH_TO_FETCH_AHEAD, "b", "c")
    assert len((await fetch({0: 0}))[0]) >= ENOUGH_TO_FETCH_AHEAD

    assert await fetch({0: ENOUGH_TO_FETCH_AHEAD + 1}) == {0: ["c"]}


async def test_an_answer_can_be_taken_in_parts(log, fetch):
    """None is lost in between, and none comes twice."""
    values = [str(number) for number in range(10)]
    await log.write(0, *values)
    found: list[str] = []
    while len(found) < len(values):
        found += (await fetch({0: len(found)}, most=3))[0]

    assert found == values


async def test_a_node_may_wait_longer_while_nothing_comes(log, client, fetches, fetch):
    """An idle worker fetched ten times a second; once records come, none may wait for others."""
    await log.write(0, "a")
    await fetch({0: 0})
    assert client.asked[-1].max_wait_time == LONGEST_FETCH_MS

    while client.asked[-1].max_wait_time == LONGEST_FETCH_MS:
        answers = await fetches.fetch({log.tp(0): 1}, {log.tp(0)}, TIMEOUT, MOST)
        assert _records(answers.values()) == 0

    assert client.asked[-1].max_wait_time == LONGEST_QUIET_FETCH_MS
    # Each answer comes in time to show that the log was there all the while.
    assert LONGEST_QUIET_FETCH_MS < UNPROVEN_AFTER_MS
    await log.write(0, "b")
    assert await fetch({0: 1}) == {0: ["b"]}
    await log.write(0, "c")
    assert await fetch({0: 2}) == {0: ["c"]}
    assert client.asked[-1].max_wait_time == LONGEST_FETCH_MS


async def test_quiet_partitions_are_heard_of_and_where_their_logs_end(log, fetches):
    """By that a worker knows that it has caught up, and that a log was there all the while."""
    await log.write(0, "a", "b")
    await log.write(1, "c")
    reading = {log.tp(0): 2, log.tp(1): 1, log.tp(2): 0}

    heard: dict[int, list[int]] = {0: [], 1: [], 2: []}
    while min(map(len, heard.values())) < 8:
        for tp, one in (await fetches.fetch(reading, {*reading}, TIMEOUT, MOST)).items():
            assert (one.records, one.start, one.end) == ([], reading[tp], reading[tp])
            assert one.log_end == reading[tp] == fetches.log_end(tp)
            heard[tp.partition].append(one.heard_ms)

    for times in heard.values():
        assert times == sorted({*times})
        assert max(after - before for before, after in pairwise(times)) < UNPROVEN_AFTER_MS


async def test_an_offset_that_a_log_does_not_have_is_said(log, fetches, fetch):
    """A client that moved on by itself would lose or repeat records, and say nothing."""
    await log.write(0, "a")
    await log.write(1, "b")

    with pytest.raises(OffsetOutOfRangeError) as raised:
        await fetch({0: 7})

    assert raised.value.args == ({log.tp(0): 7},)
    assert await fetch({0: 0, 1: 0}) == {0: ["a"], 1: ["b"]}


async def test_a_topic_that_nobody_has_is_waited_for(log, fetches):
    tp = TopicPartition("nobody-has-it", 0)

    assert await fetches.fetch({tp: 0}, {tp}, 0.2, MOST) == {}


async def test_after_starting_over_nothing_is_known(log, fetches, fetch):
    """A partition that comes back may have had another owner meanwhile."""
    await log.write(0, "a")
    await fetch({0: 0})
    assert fetches.log_end(log.tp(0)) == 1

    fetches.start_over()

    assert fetches.log_end(log.tp(0)) is None
    assert await fetch({0: 0}) == {0: ["a"]}


async def test_a_request_names_what_has_changed_since_the_last(log, client, fetches, fetch):
    """Most partitions are quiet, and naming them costs more than their records."""
    for partition in range(PARTITIONS):
        await log.write(partition, "a")
    await fetch(dict.fromkeys(range(PARTITIONS), 0))
    reading = {log.tp(partition): 1 for partition in range(PARTITIONS)}
    while client.named:  # the first request names the new offsets
        await fetches.fetch(reading, {*reading}, TIMEOUT, MOST)
    await log.write(1, "b")

    answers: dict[TopicPartition, Answer] = {}
    while not _records(answers.values()):
        answers = await fetches.fetch(reading, {*reading}, TIMEOUT, MOST)
    assert _values(answers[log.tp(1)]) == ["b"]
    await fetches.fetch({**reading, log.tp(1): 2}, {*reading}, LONGEST_FETCH_MS / 1000, MOST)
    assert client.named == [1]
    before = len(client.asked)
    del reading[log.tp(2)]
    while len(client.asked) == before:
        await fetches.fetch({**reading, log.tp(1): 2}, {*reading}, TIMEOUT, MOST)
    first, *others = [one.forgotten_topics_data for one in client.asked[before:]]
    assert first == [(log.topic, [2])]
    assert not any(others)


@pytest.mark.parametrize("epoch", [1000, 0])
async def test_a_session_that_its_node_lost_is_begun_anew(log, client, fetch, epoch):
    """Nodes restart, and forget the sessions of clients that they have no room for."""
    await log.write(0, "a")
    await fetch({0: 0})
    await log.write(0, "b")
    client.epoch = epoch

    assert await fetch({0: 1}) == {0: ["b"]}
    await log.write(0, "c")
    assert await fetch({0: 2}) == {0: ["c"]}
