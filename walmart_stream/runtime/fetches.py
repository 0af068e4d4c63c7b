"""Fetch requests: one at a time to each node, from where the caller says, in fetch sessions.

A worker reads some seventy partitions, of which few have news at a time. In a session (KIP-227) a
node remembers what it was asked for: a request names only what has changed since the one before,
and its answer only what has news. Nodes that know no sessions are asked for everything each time.

aiokafka's own fetcher keeps positions, which would be a second truth of where reading stands.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import (
    KafkaError,
    OffsetOutOfRangeError,
    RecordTooLargeError,
    TopicAuthorizationFailedError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

from walmart_stream.runtime.partitions import Answer
from walmart_stream.runtime.unpacking import records_of

# How long a node may wait for something to come before it answers, in milliseconds. It is asked for
# nothing else meanwhile: a fetch of quiet partitions only, sent while records of the others are
# processed, keeps these waiting. While all are quiet it may wait longer, though not so long that
# each answer comes too late to prove the one before (UNPROVEN_AFTER_MS).
LONGEST_FETCH_MS = 100
LONGEST_QUIET_FETCH_MS = 500

# Bytes that a fetch brings of all partitions together. It is held several times over while it
# is taken apart; 50 MB took half a gigabyte, and no less time.
MOST_FETCHED = 16 * 1024 * 1024

# When a fetch brings fewer records, the next one waits until somebody asks for it: fetched at once,
# the next records would be as old as this fetch's when they are asked for.
ENOUGH_TO_FETCH_AHEAD = 500

# Seconds after which it is told of each partition that nodes still answer for it: often enough that
# no answer counts as the first one after a silence (UNPROVEN_AFTER_MS).
TELL_INTERVAL = 0.2

# Seconds without news after which all partitions count as quiet.
QUIET_AFTER = 1.0

# Seconds to wait after a failure.
RETRY_INTERVAL = 0.1

# The first version of fetches with sessions, and the last epoch before they are counted anew.
SESSIONS, LAST_EPOCH = 7, 2**31 - 1

READ_UNCOMMITTED = 0

logger = logging.getLogger(__name__)


class _Session:
    """A fetch session: a node's memory of what it was asked for. Epoch 0 begins it anew."""

    def __init__(self) -> None:
        self.id = 0
        self.restart()

    def restart(self) -> None:
        """Have the next request name everything."""
        self.epoch = 0
        self.asked: Mapping[TopicPartition, int] = {}

    def go_on(self, session_id: int, asked: Mapping[TopicPartition, int]) -> None:
        """The node has answered a request for *asked*; it has no session left to give if 0."""
        self.id = session_id
        if session_id:
            self.epoch, self.asked = self.epoch % LAST_EPOCH + 1, asked


class _SessionRequest(FetchRequest):  # type: ignore[misc]  # untyped
    """A fetch of *asked*, for nodes that know sessions and for others."""

    def __init__(
        self, session: _Session, asked: Mapping[TopicPartition, int], wait_ms: int, most_of_one: int
    ) -> None:
        super().__init__(wait_ms, 1, MOST_FETCHED, READ_UNCOMMITTED, [])
        self._session = session
        self._asked = asked
        self._wait_ms = wait_ms
        self._most_of_one = most_of_one

    def build(self, request_struct_class: Any) -> Any:
        """See aiokafka."""
        session, asked = self._session, self._asked
        in_session = request_struct_class.API_VERSION >= SESSIONS
        named = asked.items() - session.asked.items() if in_session else asked.items()
        topics = _by_topic(
            (tp.topic, (tp.partition, offset, self._most_of_one)) for tp, offset in named
        )
        plain = FetchRequest(self._wait_ms, 1, MOST_FETCHED, READ_UNCOMMITTED, topics)
        request = plain.build(request_struct_class)
        if in_session:
            request.session_id, request.session_epoch = session.id, session.epoch
            request.forgotten_topics_data = _by_topic(session.asked.keys() - asked.keys())
        return request


class _Arrived:
    """The answer of a node for a partition, from *start* on; or why there is none."""

    def __init__(
        self, start: int, content: Any, heard_ms: int | None = None, log_end: int | None = None
    ) -> None:
        self.start = start
        self.content = content
        self.heard_ms = heard_ms
        self.log_end = log_end
        self._is_whole = True

    def take(self, most: int) -> Answer:
        """Up to *most* records more.

        Raises:
            KafkaError: there are none that can be read.
        """
        if isinstance(self.content, KafkaError):
            raise self.content
        start, records = self.start, list(islice(self.content, most))
        self.start = end = self.content.next_fetch_offset
        if end == start and self._is_whole:
            raise RecordTooLargeError(f"a record at offset {start} is larger than a fetch")
        self._is_whole = False
        return Answer(start, records, end, self.heard_ms, self.log_end)


class Fetches:
    """Fetches by *client*, an ``AIOKafkaClient``; *most_of_one*: bytes of one partition."""

    def __init__(self, client: Any, most_of_one: int) -> None:
        self._client = client
        self._most_of_one = most_of_one
        self._sessions: defaultdict[int, _Session] = defaultdict(_Session)
        self._pending: dict[int, asyncio.Task[None]] = {}
        self._arrived: dict[TopicPartition, _Arrived] = {}
        # When a node last answered for a partition (epoch ms), and where its log ended by then.
        self._heard: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._clock = asyncio.get_running_loop().time
        self._told_at = self._news_at = self._clock()

    def start_over(self) -> None:
        """Forget what was fetched, and stop fetching."""
        for task in self._pending.values():
            task.cancel()
        for session in self._sessions.values():
            session.restart()
        for known in (self._pending, self._arrived, self._heard, self._ends):
            known.clear()

    def log_end(self, tp: TopicPartition) -> int | None:
        """The end of *tp* by the last answer for it; ``None``: none yet."""
        return self._ends.get(tp)

    async def fetch(
        self,
        reading: Mapping[TopicPartition, int],
        ready: set[TopicPartition],
        timeout: float,
        most: int,
    ) -> dict[TopicPartition, Answer]:
        """Answers for *ready*, fetched from the offsets that *reading* names; *most* records.

        Partitions of *reading* that are not *ready* are fetched ahead. No others are fetched. That
        there is nothing new is told of each partition some times a second.

        Raises:
            OffsetOutOfRangeError: a log does not have the offset; its argument is ``{tp: offset}``.
            UnreadableBatch: a batch cannot be read, and nothing that stands before it is left.
            KafkaError: see there.
        """
        self._forget_all_but(reading)
        end = self._clock() + timeout
        answers = self._take(reading, ready, most)
        while not answers and (left := end - self._clock()) > 0:
            is_quiet = self._clock() - self._news_at > QUIET_AFTER
            may_wait = is_quiet and timeout * 1000 > LONGEST_QUIET_FETCH_MS
            self._ask(reading, LONGEST_QUIET_FETCH_MS if may_wait else LONGEST_FETCH_MS)
            if self._pending:
                await asyncio.wait(
                    self._pending.values(), timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
            else:
                await asyncio.sleep(min(left, RETRY_INTERVAL))  # no leader is known
            answers = self._take(reading, ready, most)
            if self._clock() - self._told_at >= TELL_INTERVAL:
                break
        records = sum(len(one.records) for one in answers.values())
        if records:
            self._news_at = self._clock()
        if records >= ENOUGH_TO_FETCH_AHEAD:
            ends = {tp: one.end for tp, one in answers.items()}
            self._ask({**reading, **ends}, LONGEST_FETCH_MS)
        self._tell(reading, ready, answers)
        return answers

    def _tell(
        self,
        reading: Mapping[TopicPartition, int],
        ready: set[TopicPartition],
        answers: dict[TopicPartition, Answer],
    ) -> None:
        """Add to *answers* that there is nothing new of the others, some times a second."""
        if self._clock() - self._told_at < TELL_INTERVAL:
            return
        self._told_at = self._clock()
        for tp in (ready & self._heard.keys()) - answers.keys() - self._arrived.keys():
            at, heard_ms = reading[tp], self._heard[tp]
            answers[tp] = Answer(at, [], at, heard_ms, self._ends.get(tp))

    def _forget_all_but(self, reading: Mapping[TopicPartition, int]) -> None:
        for known in (self._arrived, self._heard, self._ends):
            for tp in known.keys() - reading.keys():
                del known[tp]

    def _take(
        self, reading: Mapping[TopicPartition, int], ready: set[TopicPartition], most: int
    ) -> dict[TopicPartition, Answer]:
        """Answers that have arrived for *ready*, if they begin where *reading* says."""
        for node, task in [*self._pending.items()]:
            if task.done():
                del self._pending[node]
                task.result()
        answers: dict[TopicPartition, Answer] = {}
        for tp in [tp for tp in self._arrived if tp in ready]:
            one = self._arrived[tp]
            if one.start != reading[tp]:
                del self._arrived[tp]
                continue
            try:
                answer = one.take(most)
            except KafkaError as exc:
                if answers:
                    # Once these are taken.
                    self._arrived[tp] = _Arrived(one.start, exc)
                    break
                del self._arrived[tp]
                raise
            answers[tp] = answer
            most -= len(answer.records)
            if not most:
                break
            del self._arrived[tp]
        return answers

    def _ask(self, reading: Mapping[TopicPartition, int], wait_ms: int) -> None:
        """Send requests to all nodes that have answered the last one."""
        asked: defaultdict[int, dict[TopicPartition, int]] = defaultdict(dict)
        leader_of = self._client.cluster.leader_for_partition
        for tp, offset in reading.items():
            if tp not in self._arrived:
                asked[leader_of(tp)][tp] = offset
        for node, of_it in asked.items():
            if node is None or node < 0:
                self._client.force_metadata_update()
            elif node not in self._pending:
                self._pending[node] = asyncio.create_task(self._fetch_from(node, of_it, wait_ms))

    async def _fetch_from(
        self, node: int, asked: Mapping[TopicPartition, int], wait_ms: int
    ) -> None:
        session = self._sessions[node]
        request = _SessionRequest(session, asked, wait_ms, self._most_of_one)
        try:
            response = await self._client.send(node, request)
        except BaseException as exc:
            # Whether it is counted there is unknown.
            session.restart()
            if not isinstance(exc, KafkaError):
                raise
            logger.error("fetching from node %d failed: %r", node, exc)
            self._client.force_metadata_update()
            await asyncio.sleep(RETRY_INTERVAL)
            return
        if response.API_VERSION >= SESSIONS:
            if response.error_code:
                logger.info("node %d forgot a session: %r", node, for_code(response.error_code))
                session.restart()
                await asyncio.sleep(RETRY_INTERVAL)
                return
            session.go_on(response.session_id, asked)
        if self._note(asked, response.topics):
            self._client.force_metadata_update()
            await asyncio.sleep(RETRY_INTERVAL)

    def _note(self, asked: Mapping[TopicPartition, int], topics: Any) -> bool:
        """Note an answer; whether some partition's leader must be looked for again."""
        now_ms = time.time_ns() // 1_000_000
        # In a session, silence means that there is nothing new.
        self._heard.update(dict.fromkeys(asked, now_ms))
        is_elsewhere = False
        for topic, partitions in topics:
            for partition, error, log_end, *_, batches in partitions:
                tp = TopicPartition(topic, partition)
                start = asked.get(tp)
                if start is None:
                    continue  # nobody asked for it
                if not error:
                    self._ends[tp] = log_end
                    if batches:
                        records = records_of(tp, batches, start)
                        self._arrived[tp] = _Arrived(start, records, now_ms, log_end)
                    continue
                self._heard.pop(tp, None)
                reason = for_code(error)
                if reason is OffsetOutOfRangeError:
                    self._arrived[tp] = _Arrived(start, reason({tp: start}))
                elif reason is TopicAuthorizationFailedError:
                    self._arrived[tp] = _Arrived(start, reason(topic))
                else:
                    logger.info("%s-%d cannot be fetched: %s", topic, partition, reason.__name__)
                    is_elsewhere = True
        return is_elsewhere


def _by_topic(named: Iterable[tuple[str, Any]]) -> list[tuple[str, list[Any]]]:
    topics: defaultdict[str, list[Any]] = defaultdict(list)
    for topic, one in named:
        topics[topic].append(one)
    return [*topics.items()]
