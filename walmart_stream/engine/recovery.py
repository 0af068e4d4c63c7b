"""Recovery by whole fetches, which seeks stream partitions before it lets them flow.

Faust takes a changelog through a queue record by record, and counts after each one what remains
of all partitions: about 80 microseconds each. Here a fetch goes into its table as it came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.types import TP
from mode import Service

from walmart_stream.runtime.failure import end_process
from walmart_stream.runtime.memory import give_back_once_settled
from walmart_stream.runtime.partitions import Mark

# How often it is looked whether there is anything to restore at all.
LOOK_INTERVAL = 1.0
REPORT_INTERVAL = 10.0


class FetchRecovery(Recovery):
    """Restores tables from the changelog fetches that the consumer hands to :meth:`restore`."""

    _restored = 0
    _started_at = 0.0

    def mark(self, tp: TP) -> Mark | None:
        """The last record of changelog partition *tp* that its table holds."""
        table: Any = self.tp_to_table[tp]
        place = table.stored.place(tp.partition)
        return None if place is None else Mark(place.offset, place.digest)

    def restore(self, tp: TP, records: Sequence[Any]) -> None:
        """Take *records* (aiokafka's) of changelog partition *tp*, in log order, into its table."""
        is_active = tp in self.active_tps
        if not is_active and tp not in self.standby_tps:
            return
        offsets = self.active_offsets if is_active else self.standby_offsets
        highwaters = self.active_highwaters if is_active else self.standby_highwaters
        table: Any = self.tp_to_table[tp]
        held = self.mark(tp)
        if held is not None and records[0].offset == held.offset:
            self._restored -= 1  # it is restored once more
        seen = offsets.get(tp)
        if seen is not None and records[0].offset <= seen:
            records = [record for record in records if record.offset > seen]
        if records:
            is_all = records[-1].offset >= highwaters[tp]
            table.restore(tp.partition, records, is_all=is_all)
            offsets[tp] = records[-1].offset
            self._restored += len(records)
        self._look()

    def start_over(self, tp: TP, why: str) -> None:
        """Restore changelog partition *tp* from its beginning: it lost its end.

        What was committed of the topics beside it may be missing in it, so they are read again.
        """
        app: Any = self.app
        table: Any = self.tp_to_table[tp]
        self.log.error("%s-%d lost its end: %s; it is restored anew", *tp, why)
        app.log_fault(tp.topic, "cut", 1)
        table.stored.clear(tp.partition)
        (self.active_offsets if tp in self.active_tps else self.standby_offsets)[tp] = -1
        app.consumer.restart_changelog(tp)

    async def _build_offsets(
        self, consumer: Any, tps: set[TP], destination: Any, title: str
    ) -> None:
        await super()._build_offsets(consumer, tps, destination, title)
        for tp in tps & self.active_tps:
            table: Any = self.tp_to_table[tp]
            place = table.stored.place(tp.partition)
            if place is not None and place.offset > self.active_highwaters[tp]:
                self.start_over(
                    tp, f"it ends at {self.active_highwaters[tp]}, before {place.offset}"
                )

    async def _wait(self, coro: Any, timeout: Any = None) -> None:
        """Faust goes on when the time is up, with tables that only look restored."""
        try:
            async with asyncio.timeout(timeout):
                await super()._wait(coro)
        except TimeoutError:
            end_process(f"the brokers did not answer for {timeout} s while tables are restored")

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        """Faust resumes partitions, then seeks them: what was fetched in between is lost (#596)."""
        consumer = self.app.consumer
        if consumer.assignment() and self.app.consumer_generation_id == generation_id:
            await self._wait(consumer.perform_seek(), timeout=self.app.conf.broker_request_timeout)
        await super().on_recovery_completed(generation_id)
        if self._restored:
            give_back_once_settled(asyncio.get_running_loop().call_later)

    def _add(self, table: Any, tp: TP, offsets: Any) -> None:
        self.tp_to_table[tp] = table
        # Also where it is None: what Faust remembers may be of values that were dropped since.
        offsets[tp] = table.persisted_offset(tp)

    def _look(self) -> None:
        """Tell who waits for it that everything is restored."""
        if self.in_recovery and not self.need_recovery():
            self._set_recovery_ended()
            self.signal_recovery_end.set()
        # Before the actives are ready, what remains of the standbys is not known yet.
        tables = self.tables
        waiting = self.standby_tps and tables.actives_ready and not tables.standbys_ready
        if waiting and not self.standby_remaining_total():
            tables.on_standbys_ready()

    def _set_recovery_started(self) -> None:
        self.signal_recovery_end.clear()
        self._restored = 0
        self._started_at = time.monotonic()
        super()._set_recovery_started()

    def _set_recovery_ended(self) -> None:
        if self.in_recovery and self._restored:
            seconds = time.monotonic() - self._started_at
            self.log.info("%d changelog records restored in %.1f s", self._restored, seconds)
        super()._set_recovery_ended()

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Faust's queue stays empty; but who has nothing to restore must be told, too."""
        while not self.should_stop:
            await self.sleep(LOOK_INTERVAL)
            self._look()

    @Service.task
    async def _publish_stats(self) -> None:
        while not self.should_stop:
            await self.sleep(REPORT_INTERVAL)
            if self.in_recovery:
                remaining = self.active_remaining_total()
                self.log.info("restored %d changelog records, %d remain", self._restored, remaining)


class FetchTableManager(TableManager):
    """Makes :class:`FetchRecovery`, without waiting for tables that are there."""

    @property
    def recovery(self) -> Any:
        if self._recovery is None:
            self._recovery = FetchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Begin at once: Faust waits a second for tables, which ours were before the app began."""
        if not self.should_stop:
            await self._update_channels()
            await self.recovery.start()
