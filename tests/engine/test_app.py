"""Acknowledgements and queues as Faust has them, and as they are mended."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from tests.hang import DEADLINE
from walmart_stream.engine.app import SteadyFlow, StreamApp
from walmart_stream.runtime.partitions import Partition


async def test_stock_bookkeeping_would_commit_past_the_message_in_flight() -> None:
    """Why ours is there: offset 4 is unacknowledged, and stock Faust says 6 may be committed."""
    consumer: Any = _app()._new_consumer()
    stock: Any = type(consumer).__mro__[1]
    consumer._committed_offset["tp"] = 4
    consumer._acked["tp"] = [5]

    assert stock._new_offset(consumer, "tp") == 6
    assert consumer.ack(object()) is False
    assert consumer._filter_committable_offsets(["tp"]) == {}


async def test_batches_that_end_beside_a_commit_are_committed_before_a_rebalance() -> None:
    """The commit on its way does not know of them; the next owner would repeat them."""
    consumer: Any = _app()._new_consumer()
    tp = TP("topic", 0)
    partition = consumer._partitions[tp] = Partition()
    partition.start_at(0)
    first, second = (partition.deliver([_Record(offset)], offset + 1) for offset in (0, 1))
    sent: list[int] = []
    begun, answered = asyncio.Event(), asyncio.Event()

    async def commit(offsets: dict[TP, Any]) -> bool:
        begun.set()
        await answered.wait()
        sent.append(offsets[tp].mark.offset + 1)
        return True

    consumer._commit = commit
    consumer.finish(tp, first)
    on_its_way = asyncio.create_task(consumer.commit())
    await begun.wait()
    consumer.finish(tp, second)
    waiting = asyncio.create_task(consumer.wait_empty())
    answered.set()
    await asyncio.gather(on_its_way, waiting)

    assert sent == [1, 2]


class _Record(NamedTuple):
    offset: int
    key: bytes | None = None
    value: bytes | None = None
    timestamp: int = 0


async def test_a_new_assignment_is_searched_at_once() -> None:
    """An answer is kept for a moment, but not beyond the assignment that it was found in."""
    app, consumer = _app(topic_partitions=2), _Subscribed()
    app.consumer = consumer
    assignor = app.assignor

    assignor.external_topic_distribution = {"http://a": {"raw": [0]}, "http://b": {"raw": [1]}}
    whole = app.unread()
    assignor.external_topic_distribution = {"http://a": {"raw": [0]}}
    partial = app.unread()

    assert whole is None
    assert partial == "nobody reads partitions [1] of topic raw"


async def test_a_topic_that_has_gone_is_noticed_without_a_new_assignment() -> None:
    """Its partitions still have owners."""
    app, consumer = _app(topic_partitions=1), _Subscribed()
    app.consumer = consumer
    assignor = app.assignor
    assignor.external_topic_distribution = {"http://a": {"raw": [0]}}

    assert app.unread() is None
    consumer.missing.add("raw")

    async with asyncio.timeout(DEADLINE):
        while app.unread() is None:  # noqa: ASYNC110 - nothing but time passes
            await asyncio.sleep(0.01)
    assert app.unread() == "there is no topic raw"


def _app(**options: Any) -> Any:
    app = StreamApp("unit", prepare=_nothing, broker="kafka://127.0.0.1:1", **options)
    app.finalize()
    return app


class _Subscribed:
    """A consumer of one topic, as far as it is asked for topics."""

    def __init__(self) -> None:
        self.missing: set[str] = set()

    def topics(self) -> tuple[set[str], set[str]]:
        return {"raw"}, self.missing


async def _nothing() -> None:
    pass


@pytest.mark.parametrize(
    ("flow_type", "left"), [(SteadyFlow, 1), (FlowControlEvent, 0)], ids=["ours", "stock"]
)
async def test_resuming_an_active_flow_keeps_what_is_queued(flow_type: Any, left: int) -> None:
    """#596: stock Faust empties the queues though their offsets count as read."""
    flow = flow_type()
    flow.resume()
    queue: Any = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    queue.put_nowait("message")

    flow.resume()

    assert queue.qsize() == left
