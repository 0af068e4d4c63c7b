"""Ends a worker that has stopped working without noticing.

Faust only logs its known stalls: a fetcher that stays silent, an agent that is dead or waits for
ever, a recovery that does not end (#175, #176, #523). What they have in common is that there is
something to do and nothing gets done. A supervisor's restart mends all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable
from typing import Any

from walmart_stream.runtime.failure import end_process
from walmart_stream.runtime.progress import Progress

# Far longer than a batch, a rebalance or the brokers' own timeouts (60 s) ever take.
LONGEST_STALL = 300.0

# Seconds between two looks.
LOOK_INTERVAL = 10.0


class Watchdog:
    """Watches *app*. Topics that *excused* names may wait, say for a database; no others."""

    def __init__(
        self, app: Any, excused: Callable[[], Container[str]], longest: float = LONGEST_STALL
    ) -> None:
        self._app = app
        self._excused = excused
        self._progress = Progress(longest)
        self._looked_at = -LOOK_INTERVAL

    def check(self, now: float) -> None:
        """Called every now and then; ends the process when something has stalled."""
        if now - self._looked_at < LOOK_INTERVAL:
            return
        self._looked_at = now
        stalled = self._progress.stalled(self._positions(), now)
        if stalled:
            names = ", ".join(sorted(map(str, stalled)))
            end_process(f"there is work and nothing gets done: {names}")

    def _positions(self) -> dict[Hashable, Any]:
        app = self._app
        recovery = app.tables.recovery
        if recovery.in_recovery:
            return {"the restoring of tables": recovery.active_remaining_total()}
        if app.rebalancing or not app.tables.actives_ready:
            return {"the joining of the group": app.rebalancing_count}
        # What is not fetched cannot be seen to be unfinished.
        excused, fetched = self._excused(), app.consumer.last_fetched()
        fetches = {
            f"the fetching of {tp}": at for tp, at in fetched.items() if tp[0] not in excused
        }
        return {
            **{tp: at for tp, at in app.unfinished().items() if tp[0] not in excused},
            **fetches,
        }
