"""Fetching, on a thread of its own: the client between the brokers and the consumer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from mode import Service

from walmart_stream.runtime.failure import end_process, refuse
from walmart_stream.runtime.fetches import Fetches
from walmart_stream.runtime.partitions import Answer, Mark

# Seconds from one check of the client to the next.
CHECK_INTERVAL = 1.0


class FetchThread(driver.AIOKafkaConsumerThread):
    """Fetches from where it is told, and ends the process when it cannot go on.

    aiokafka's client is in the group for us and has the connections; its fetcher is at rest.
    """

    _fetches: Fetches | None = None
    # Whose partitions are fetched; aiokafka makes a new one at each rebalance.
    _fetched_of: Any = None

    async def on_start(self) -> None:
        await super().on_start()
        consumer: Any = self._ensure_consumer()
        await consumer._fetcher.close()
        self._fetches = Fetches(consumer._client, self.app.conf.consumer_max_fetch_size)

    async def on_thread_stop(self) -> None:
        if self._fetches is not None:
            self._fetches.start_over()
        await super().on_thread_stop()

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
        assignment, fetches = _assignment(consumer), self._fetches
        if assignment is None or fetches is None or not assignment.active:
            return {}
        if assignment is not self._fetched_of:
            self._fetched_of = assignment
            fetches.start_over()
        if not reading.keys() <= assignment.tps:
            reading = {tp: offset for tp, offset in reading.items() if tp in assignment.tps}
            ready = ready & assignment.tps
        if not ready:
            return {}
        most = self.app.conf.broker_max_poll_records or sys.maxsize
        # A member that does not fetch for long leaves its group.
        with consumer._subscription.fetch_context():
            answers = await fetches.fetch(reading, ready, timeout, most)
        return {TP(*tp): one for tp, one in answers.items()} if assignment.active else {}

    def highwater(self, tp: TP) -> Any:
        """The end of *tp* by a broker's last answer since it became ours; ``None``: none yet."""
        if self._fetches is None or self._fetched_of is not _assignment(self._ensure_consumer()):
            return None
        return self._fetches.log_end(tp)


def _assignment(consumer: Any) -> Any:
    subscription = consumer._subscription.subscription
    return None if subscription is None else subscription.assignment
