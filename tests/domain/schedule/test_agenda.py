"""The agenda against a sorted list of all that is in it."""

from __future__ import annotations

from bisect import insort

from hypothesis import given, settings
from hypothesis import strategies as st

from walmart_stream.domain.schedule.agenda import BUCKET_MS, Agenda
from walmart_stream.domain.schedule.uniform import Place

# Many in the same few minutes: buckets are emptied, left for an earlier one, and opened again.
MINUTES = st.sampled_from([0, 0, 1, 1, 2, 3, 11]).map(BUCKET_MS.__mul__)
STEPS = st.one_of(st.none(), MINUTES, st.integers(0, 4 * BUCKET_MS))


@given(st.lists(STEPS, min_size=20, max_size=60))
@settings(max_examples=200)
def test_the_smallest_place_comes_first_whenever_the_others_came(steps: list[int | None]) -> None:
    """A number is the order of a place that comes; ``None`` takes one out."""
    agenda = Agenda()
    expected: list[Place] = []

    for number, order in enumerate([*steps, *[None] * (len(steps) + 1)]):
        if order is None:
            assert agenda.pop() is (expected.pop(0) if expected else None)
        else:
            place = Place(float(order), number)
            agenda.push(place)
            insort(expected, place)
