"""The daily quota: shared by partitions, charged where most is left, never exceeded in sum."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.schedule import share, spread


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
