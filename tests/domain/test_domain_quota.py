"""The daily quota: shared by partitions, charged where most is left, never exceeded in sum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.schedule import ITEMS_PER_CALL, Poll, UniformSchedule, share, spread


@given(st.integers(0, 100_000), st.integers(1, 200))
def test_the_shares_of_all_partitions_add_up_to_the_quota(calls: int, partitions: int) -> None:
    """However the partitions are spread over workers, nothing is granted twice or lost."""
    shares = [share(calls, partition, partitions) for partition in range(partitions)]

    assert sum(shares) == calls
    assert max(shares) - min(shares) <= 1


@given(st.dictionaries(st.integers(0, 20), st.integers(0, 50), min_size=1), st.data())
def test_no_partition_is_charged_beyond_its_share_while_another_has_calls_left(
    left: dict[int, int], data: st.DataObject
) -> None:
    """A debt would be forgiven when its partition moves to another worker."""
    calls = data.draw(st.integers(0, sum(left.values())))

    charged = spread(calls, left)

    assert sum(charged.values()) == calls
    assert all(charged[partition] <= left[partition] for partition in charged)


def test_a_call_that_is_not_full_waits_for_more_items_but_not_for_long() -> None:
    """One for a single item costs as much of the quota as one for twenty."""
    schedule = UniformSchedule(shortest=100, longest=1000)
    items = [str(number) for number in range(1, ITEMS_PER_CALL + 2)]
    polls = {item_id: Poll(1_000_000 + number, "answered") for number, item_id in enumerate(items)}
    just_due = 1_000_000 + 100_000 + len(items)

    full = schedule.due(items, polls, just_due, calls_per_second=5)
    all_of_them = schedule.due(items, polls, just_due + 10_000, calls_per_second=5)

    assert full == items[:ITEMS_PER_CALL]
    assert all_of_them == items


def test_an_item_that_was_never_asked_for_does_not_wait() -> None:
    """Who adds an item wants to see it now."""
    schedule = UniformSchedule(shortest=100, longest=1000)

    assert schedule.due(["1"], {}, 1_000_000, calls_per_second=5) == ["1"]
