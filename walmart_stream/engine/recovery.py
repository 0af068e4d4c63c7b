"""Recovery that seeks stream partitions before it lets them flow.

Relies on, in faust/tables/recovery.py: ``on_recovery_completed`` seeking through
``consumer.perform_seek`` (which does nothing the second time in a generation) and ``_wait``; in
faust/tables/manager.py: ``recovery`` and ``_recovery``.
"""

from __future__ import annotations

from typing import Any

from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery


class SeekFirstRecovery(Recovery):
    """Faust resumes partitions, then seeks them: what was fetched in between is lost (#596)."""

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        consumer = self.app.consumer
        if consumer.assignment() and self.app.consumer_generation_id == generation_id:
            await self._wait(consumer.perform_seek(), timeout=self.app.conf.broker_request_timeout)
        await super().on_recovery_completed(generation_id)


class SeekFirstTableManager(TableManager):
    """Makes :class:`SeekFirstRecovery`."""

    @property
    def recovery(self) -> Any:
        if self._recovery is None:
            self._recovery = SeekFirstRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery
