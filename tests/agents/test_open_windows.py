"""Windows that are due, found without looking at all items each time."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.agents import open_windows
from walmart_stream.agents.open_windows import OpenWindows


class _Counted(OpenWindows):
    """Counts the looks at all items of a partition."""

    looks = 0

    def __init__(self) -> None:
        super().__init__()
        windows = self

        class Ends(dict[bytes, int]):
            def items(self):  # type: ignore[no-untyped-def]  # as dict's
                windows.looks += 1
                return super().items()

        self._ends[0] = Ends()


async def test_while_nothing_ends_no_item_is_looked_at() -> None:
    """The timer asks every five seconds, and windows last an hour."""
    windows = _Counted()
    for number in range(5):
        windows.note(0, b"%d" % number, 1_000 + number)

    assert await windows.due(0, 1_000) == []
    assert windows.looks == 0
    assert await windows.due(0, 1_002) == [b"0", b"1"]

    windows.note(0, b"0", 2_000)
    windows.note(0, b"1", None)
    await windows.due(0, 1_002)
    windows.looks = 0

    assert await windows.due(0, 1_002) == []
    assert windows.looks == 0
    assert await windows.due(0, 1_003) == [b"2"]


async def test_what_ends_later_than_planned_is_due_then() -> None:
    """An observation that comes late moves an end back, too."""
    windows = OpenWindows()
    windows.note(0, b"a", 5_000)
    assert await windows.due(0, 6_000) == [b"a"]
    windows.note(0, b"a", 9_000)
    assert await windows.due(0, 6_000) == []

    windows.note(0, b"a", 4_000)

    assert await windows.due(0, 6_000) == [b"a"]


async def test_a_partition_that_goes_meanwhile_has_nothing_due_afterwards() -> None:
    """A rebalance comes between two turns of the event loop."""
    windows = OpenWindows()
    for number in range(2 * open_windows.CHUNK):
        windows.note(0, b"%d" % number, 9)

    looking = asyncio.create_task(windows.due(0, 5))
    await asyncio.sleep(0)
    windows.forget()

    assert await looking == []
    assert await windows.due(0, 5) == []
    assert not windows.knows(0, b"1")


_STEP = st.tuples(
    st.integers(0, 1), st.sampled_from([b"a", b"b", b"c"]), st.one_of(st.none(), st.integers(0, 20))
)


@given(st.lists(st.one_of(_STEP, st.integers(0, 20))))
def test_it_finds_what_a_look_at_all_of_them_finds(steps: list[object]) -> None:
    """Whatever was noted and asked before."""
    windows = OpenWindows()
    ends: dict[tuple[int, bytes], int] = {}
    for step in steps:
        if isinstance(step, tuple):
            partition, item, end = step
            windows.note(partition, item, end)
            ends.pop((partition, item), None)
            if end is not None:
                ends[partition, item] = end
            continue
        for partition in (0, 1):
            due = asyncio.run(windows.due(partition, step))  # type: ignore[arg-type]
            assert set(due) == {
                item
                for (of, item), end in ends.items()
                if of == partition and end < step  # type: ignore[operator]
            }
