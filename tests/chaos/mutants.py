"""Workers that are broken on purpose: ``python -m tests.chaos.mutants NAME``.

A judge that has never found anything proves nothing. Each of these breaks one rule of the
promise, and a campaign with it must be judged so.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

from walmart_stream import topics
from walmart_stream.agents import process
from walmart_stream.domain.apply import Entry, Outcome
from walmart_stream.engine import agent
from walmart_stream.engine.agent import Batch, Handler

# Longer than the interval of commits, so that a kill in between is likely.
LATE = 2.0

# One in this number of batches loses a message. More than once: a kill may bring one back, and
# a skipped one may be a repetition, which changes nothing.
SKIPPED_BATCH = 20


def acknowledge_first() -> None:
    """A batch counts as processed before its results are sent."""
    under_way: set[asyncio.Task[None]] = set()

    def broken(handle: Handler) -> Handler:
        async def later(batch: Batch) -> None:
            await asyncio.sleep(LATE)
            await handle(batch)

        async def handle_later(batch: Batch) -> None:
            task = asyncio.create_task(later(batch))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

        return handle_later

    _break_handlers(broken)


def apply_stale() -> None:
    """An observation that is not newer than its item's state is applied as if it were."""
    apply = process.apply

    def broken(states: dict[str, Any], entries: list[Entry], rules: Any) -> Outcome:
        def is_stale(entry: Entry) -> bool:
            known = states.get(entry.observation.item_id)
            return known is not None and entry.observation.observed_at <= known.observed_at

        stale = {entry.observation.item_id for entry in entries if is_stale(entry)}
        known = {item_id: state for item_id, state in states.items() if item_id not in stale}
        return apply(known, entries, rules)

    process.apply = broken  # type: ignore[assignment]


def skip_one() -> None:
    """One message of hundreds is passed over and acknowledged."""

    def broken(handle: Handler) -> Handler:
        count = 0

        async def handle_most(batch: Batch) -> None:
            nonlocal count
            is_raw = batch.topic == topics.RAW.name
            count += is_raw
            skip = is_raw and count % SKIPPED_BATCH == 0
            await handle(Batch(batch.topic, batch.partition, batch.records[skip:]))

        return handle_most

    _break_handlers(broken)


def _break_handlers(broken: Callable[[Handler], Handler]) -> None:
    """Agents made from now on get a broken handler."""
    register = agent.batch_agent

    @wraps(register)
    def register_broken(app: Any, topic: Any, name: str, handle: Handler, **options: Any) -> None:
        register(app, topic, name, broken(handle), **options)

    agent.batch_agent = register_broken


MUTANTS = {mutant.__name__: mutant for mutant in (acknowledge_first, apply_stale, skip_one)}


if __name__ == "__main__":
    MUTANTS[sys.argv[1]]()
    # After the breaking: the application takes its parts when it is imported.
    from walmart_stream.cli import main

    sys.argv[1:] = ["worker"]
    main()
