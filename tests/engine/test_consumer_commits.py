"""Which offsets may be committed: up to the first batch that is not done."""

from __future__ import annotations

import pytest
from faust.types import TP
from mode.utils.queues import FlowControlEvent, FlowControlQueue

from walmart_stream.engine.app import StreamApp
from walmart_stream.engine.consumer import InFlight
from walmart_stream.engine.flow import SteadyFlow

TP0 = TP("input", 0)


async def _nothing() -> None:
    pass


@pytest.fixture
async def consumer():
    app = StreamApp("unit", prepare=_nothing, broker="kafka://127.0.0.1:1", web_enabled=False)
    app.finalize()
    return app._new_consumer()


async def test_a_done_batch_behind_one_in_flight_is_not_committed(consumer):
    """#606: stock Faust's commit passes a message that is still in flight."""
    first, second = InFlight(TP0, 9, 10), InFlight(TP0, 19, 10)
    consumer._in_flight[TP0].extend([first, second])

    consumer.finish(second)

    assert consumer._new_offset(TP0) is None


async def test_stock_bookkeeping_would_commit_past_the_message_in_flight(consumer):
    """Why ours is there: offset 4 is unacknowledged, and stock Faust says 6 may be committed."""
    stock = type(consumer).__mro__[1]
    consumer._committed_offset[TP0] = 4
    consumer._acked[TP0] = [5]

    assert stock._new_offset(consumer, TP0) == 6


async def test_batches_are_committed_as_far_as_they_are_done_in_order(consumer):
    """The offset is that of the next record to process."""
    batches = [InFlight(TP0, 9, 10), InFlight(TP0, 19, 10), InFlight(TP0, 29, 10)]
    consumer._in_flight[TP0].extend(batches)

    consumer.finish(batches[0])
    consumer.finish(batches[1])

    assert consumer._new_offset(TP0) == 20


async def test_a_batch_of_an_earlier_assignment_commits_nothing(consumer):
    """After a rebalance the same offsets may be in flight anew: only their own batch counts."""
    old, new = InFlight(TP0, 9, 10), InFlight(TP0, 9, 10)
    consumer._in_flight[TP0].append(new)

    consumer.finish(old)

    assert consumer._new_offset(TP0) is None


async def test_acknowledgements_of_faust_itself_count_for_nothing(consumer):
    """Faust acknowledges what raised, was skipped or was cancelled."""
    consumer._in_flight[TP0].append(InFlight(TP0, 9, 10))

    assert consumer.ack(object()) is False
    assert consumer._new_offset(TP0) is None


@pytest.mark.parametrize(
    ("flow_type", "left"), [(SteadyFlow, 1), (FlowControlEvent, 0)], ids=["ours", "stock"]
)
async def test_resuming_an_active_flow_keeps_what_is_queued(flow_type, left):
    """#596: stock Faust empties the queues though their offsets count as read."""
    flow = flow_type()
    flow.resume()
    queue = FlowControlQueue(flow_control=flow, clear_on_resume=True)
    queue.put_nowait("message")

    flow.resume()

    assert queue.qsize() == left
