"""Fetching, on a thread of its own: the client between the brokers and the consumer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError, NoOffsetForPartitionError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from walmart_stream.runtime.failure import end_process, refuse
from walmart_stream.runtime.partitions import Answer, Mark
from walmart_stream.runtime.unpacking import leave_as_decoded

# How long a node may wait for something to come before it answers a fetch, in milliseconds. It is
# asked for nothing else meanwhile: a fetch of quiet partitions only, sent while records of the
# others are processed, keeps these waiting. While all are quiet it may wait longer, though not so
# long that each answer comes too late to prove the one before (UNPROVEN_AFTER_MS).
LONGEST_FETCH_MS = 100
LONGEST_QUIET_FETCH_MS = 500

# Bytes that a fetch brings of all partitions together. It is held several times over while it
# is taken apart; aiokafka's own 50 MB took half a gigabyte, and no less time.
MOST_FETCHED = 16 * 1024 * 1024

# When a fetch brings fewer records, the next one waits until somebody asks for it.
ENOUGH_TO_FETCH_AHEAD = 500

# Seconds from one check of the client to the next.
CHECK_INTERVAL = 1.0


class FetchThread(driver.AIOKafkaConsumerThread):
    """Fetches from where it is told, and ends the process when it cannot go on.

    It hands over records as they were decoded; see :func:`leave_as_decoded`.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer: Any = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = LONGEST_FETCH_MS
        consumer._fetch_max_bytes = MOST_FETCHED
        # A position that the log does not have is ours to judge; aiokafka would move it silently.
        consumer._auto_offset_reset = "none"
        return consumer

    # -- the group

    @Service.task
    async def _watch_client(self) -> None:
        while not self.should_stop:
            await self.sleep(CHECK_INTERVAL)
            if self._consumer is not None and not self.consumer.should_stop:
                self._check(self._consumer)

    def _check(self, consumer: Any) -> None:
        """End the process if the client does not work any more.

        aiokafka reports it to whoever waits for a record just then, or calls its ``getone`` or
        ``getmany``, and waits for that. Faust uses neither, and waits for no record during a
        rebalance: this worker would have its place in the group and do nothing.
        """
        self._check_partitions(consumer)
        if consumer._fetcher.error_future.done():
            end_process("aiokafka does not fetch any more")
        try:
            consumer._coordinator.check_errors()
        except (KafkaError, asyncio.CancelledError) as exc:
            end_process(f"aiokafka does not take part in the group any more: {exc!r}")

    def _check_partitions(self, consumer: Any) -> None:
        """End the process if a topic has not as many partitions as all keys are hashed by."""
        app: Any = self.app
        configured, known = app.conf.topic_partitions, app.partition_counts
        for topic in consumer.subscription():
            found = len(consumer.partitions_for_topic(topic) or ())
            if found and found not in (configured, known.get(topic)):
                refuse(
                    f"topic {topic} has {found} partitions instead of {configured}: a key would "
                    "move to another partition than its state. Partitions cannot be taken away: "
                    "if some were added, move what stands in them (walmart-stream partitions move)"
                )

    async def crash(self, reason: BaseException) -> None:
        """End the process, say when a commit was refused because a permission was taken away.

        Faust would stop in good order, but that waits for a group which does not let us in any
        more, and can last for ever.
        """
        if not self.app.should_stop:
            if self._consumer is not None:
                self._check_partitions(self._consumer)
            end_process(f"the consumer failed: {reason!r}")
        await super().crash(reason)

    # -- commits

    async def committed(self, tps: set[TP]) -> dict[TP, tuple[int, Mark | None]]:
        """The committed offset of each of *tps* that has one, and the record before it."""
        coordinator = self._ensure_consumer()._coordinator
        found = await self.call_thread(coordinator.fetch_committed_offsets, list(tps))
        return {
            TP(tp.topic, tp.partition): (commit.offset, Mark.parse(commit.metadata))
            for tp, commit in found.items()
            if commit.offset >= 0
        }

    async def _commit(self, offsets: Mapping[TP, Any]) -> bool:
        assigned = self.assignment()
        commits = {
            TopicPartition(*tp): (batch.mark.offset + 1, batch.mark.note())
            for tp, batch in offsets.items()
            if tp in assigned
        }
        try:
            await self._ensure_consumer().commit(commits)
        except CommitFailedError:
            return False  # another generation has begun
        except Exception as exc:
            await self.crash(exc)
            return False
        return True

    # -- fetching

    async def fetch(
        self, reading: Mapping[TP, int], ready: set[TP], timeout: float
    ) -> dict[TP, Answer]:
        """Answers of the brokers for *ready*, fetched from the offsets that *reading* names.

        Partitions of *reading* that are not *ready* are fetched ahead. No others are fetched.

        Raises:
            OffsetOutOfRangeError: a log does not have the offset; its argument is ``{tp: offset}``.
        """
        consumer = self._ensure_consumer()
        answers: dict[TP, Answer] = await self.call_thread(
            self._fetch, consumer, reading, ready, timeout
        )
        return answers

    async def _fetch(
        self, consumer: Any, reading: Mapping[TP, int], ready: set[TP], timeout: float
    ) -> dict[TP, Answer]:
        assignment = consumer._subscription.subscription.assignment
        if assignment is None or not ready & assignment.tps:
            return {}
        self._fetch_only(consumer, assignment, reading)
        leave_as_decoded(consumer)
        try:
            fetched = await self._fetch_records(
                consumer, ready, timeout=timeout, max_records=self.app.conf.broker_max_poll_records
            )
        except NoOffsetForPartitionError:
            return {}  # of the next assignment, for which nothing was asked yet
        if not assignment.active:
            return {}
        is_quiet = not fetched and timeout * 1000 > LONGEST_QUIET_FETCH_MS
        longest = LONGEST_QUIET_FETCH_MS if is_quiet else LONGEST_FETCH_MS
        consumer._fetcher._fetch_max_wait_ms = longest
        if fetched and sum(map(len, fetched.values())) < ENOUGH_TO_FETCH_AHEAD:
            # Fetched at once, the next records would be as old as our return when asked for.
            consumer.pause(*assignment.tps)
        states = {tp: assignment.state_value(tp) for tp in ready & assignment.tps}
        return {
            TP(*tp): Answer(
                reading[tp],
                fetched.get(tp, []),
                state.position,
                state.timestamp,
                consumer.highwater(tp),
            )
            for tp, state in states.items()
            if state.has_valid_position
        }

    def _fetch_only(self, consumer: Any, assignment: Any, reading: Mapping[TP, int]) -> None:
        """Have aiokafka fetch *reading*, from where it says, and nothing else.

        Faust keeps to itself which partitions it has paused. Records fetched of those would be
        kept in vain, megabytes of each, and every request would name them all.
        """
        unread, paused = assignment.tps - reading.keys(), consumer.paused()
        consumer.resume(*(paused - unread))
        consumer.pause(*(unread - paused))
        for tp in unread - paused:
            consumer._fetcher._records.pop(tp, None)
        for tp in assignment.tps - unread:
            state = assignment.state_value(tp)
            if not state.has_valid_position or state.position != reading[tp]:
                consumer.seek(tp, reading[tp])
