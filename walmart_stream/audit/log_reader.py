"""The observations of a partition's log, and the records that are not observations of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

from walmart_stream.audit.dead_letters import BadRecord
from walmart_stream.audit.misplaced import Misplaced, digest_of
from walmart_stream.audit.spool import Spooled
from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.pasts import FIRST_RECORDS
from walmart_stream.domain.reading import decoder
from walmart_stream.domain.time import check_not_ahead
from walmart_stream.kafka.clients import MAX_RECORD_BYTES
from walmart_stream.kafka.moved import origin
from walmart_stream.kafka.partition_states import PartitionState
from walmart_stream.kafka.placement import partition_of
from walmart_stream.kafka.reading import PartitionLog
from walmart_stream.settings import Settings

# Bytes of answers that are remembered while a partition is read: some 3,000 items. More would have
# the audit's memory grow with the number of items.
MOST_REMEMBERED = 2 * 1024 * 1024


class LogReader:
    """Reads a log on and on, and notes the records that are not observations of its partition.

    *state*: of the partition, if there is one; where it is parked, the records from there on wait.
    """

    def __init__(
        self,
        settings: Settings,
        partitions: int,
        partition: int,
        log: PartitionLog,
        state: PartitionState | None,
    ) -> None:
        self._waits_from = state.offset if state is not None and state.parked else None
        self._most_ahead = settings.most_ahead_ms
        self._decode = decoder(MOST_REMEMBERED)
        self._partitions = partitions
        self._partition = partition
        self.log = log
        self.records = 0
        self.first_times: list[int] = []
        self.waiting = 0
        self.bad: dict[int, BadRecord] = {}
        self.misplaced: Misplaced = {}

    async def read_on(self) -> AsyncIterator[Spooled]:
        """The observations from where it was to the end of now."""
        async for record in self.log.read_on():
            self.records += 1
            # A moved record has the time of its original, which may be older than what was deleted.
            if len(self.first_times) < FIRST_RECORDS and origin(record.headers) is None:
                self.first_times.append(record.timestamp)
            if self._waits_from is not None and record.offset >= self._waits_from:
                # Nobody has processed it, nor should have.
                self.waiting += 1
                continue
            try:
                observation = self._decode(record.key, record.value)
                check_not_ahead(observation.observed_at, record.timestamp, self._most_ahead)
            except BadInput:
                digest = digest_of(record.key, record.value)
                self.bad[record.offset] = BadRecord(digest, record.timestamp)
                continue
            assert record.key is not None
            home = partition_of(record.key, self._partitions)
            if home != self._partition:
                if record.value is not None and len(record.value) > MAX_RECORD_BYTES:
                    # It cannot be forwarded.
                    digest = digest_of(record.key, record.value)
                    self.bad[record.offset] = BadRecord(digest, record.timestamp)
                    continue
                digests = self.misplaced.setdefault(home, Counter())
                digests[digest_of(record.key, record.value)] += 1
                continue
            yield Spooled(record.offset, record.timestamp, observation)
