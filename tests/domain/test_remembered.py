"""The cache that forgets what was not used for longest."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from walmart_stream.domain.remembered import Remembered

MOST = 40


def test_entries_within_half_the_limit_are_all_there() -> None:
    """A list of items that fits is never forgotten, however often it is gone through."""
    recent: Remembered[int, str] = Remembered(MOST)
    for _ in range(3):
        for key in range(MOST // 2 - 1):
            recent.put(key, str(key), 1)

    assert [recent.get(key) for key in range(MOST // 2 - 1)] == list(map(str, range(19)))


def test_an_entry_in_use_outlives_those_that_are_not() -> None:
    """However many others come."""
    recent: Remembered[str, int] = Remembered(MOST)
    recent.put("used", 1, 1)
    for number in range(1000):
        recent.put(f"other {number}", number, 1)
        assert recent.get("used") == 1

    assert recent.get("other 0") is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "get", "take"]), st.integers(0, 9), st.integers(1, 15))
    )
)
def test_it_gives_what_was_put_last_or_nothing(steps: list[tuple[str, int, int]]) -> None:
    """Whatever comes in whatever order, and never more than the limit and one entry."""
    recent: Remembered[int, int] = Remembered(MOST)
    last: dict[int, int] = {}
    weights: dict[int, int] = {}
    for number, (step, key, weight) in enumerate(steps):
        if step == "put":
            recent.put(key, number, weight)
            last[key], weights[key] = number, weight
        elif step == "get":
            assert recent.get(key) in (last.get(key), None)
        else:
            assert recent.take(key) in (last.get(key), None)
            last.pop(key, None)
            assert recent.get(key) is None
        held = [key for key in last if key in recent._young or key in recent._old]
        assert len(recent) == len(held)
        assert sum(weights[key] for key in held) <= MOST + 2 * 15
