"""A worker looks up some of its items, now and then."""

from __future__ import annotations

from walmart_stream.agents.freshness import KEPT_MS, Freshness
from walmart_stream.domain.apply import Entry, apply
from walmart_stream.domain.events import Source
from walmart_stream.domain.offers import Offer
from walmart_stream.domain.reading.observation import Observation
from walmart_stream.domain.windows import Rules

NOW = 1_800_000_000_000
RULES = Rules(60_000, 10_000)


def states(**ages):
    """An item's state by its name, seen that many ms before NOW."""
    entries = [
        Entry(
            Observation(
                name, NOW - age, "affiliate", None, {"featured": Offer(1, 0, None, True, "")}
            ),
            Source("raw", 0, 0),
        )
        for name, age in ages.items()
    ]
    return apply({}, entries, RULES).states


def test_those_not_seen_for_too_long_are_named() -> None:
    """The longest first; never seen is not the same."""
    known = states(a=1_000, b=20_000, c=30_000)
    looked = Freshness(lambda most: (["a", "b", "c", "d"], 4), known.get, lambda: NOW, 10_000)

    found = looked.figures()

    assert (found["items"], found["never"], found["ages_s"]) == (4, 1, [1.0, 20.0, 30.0])
    assert found["late"] == [["c", 30.0], ["b", 20.0]]


def test_figures_are_kept_for_a_moment() -> None:
    """Also when the clock is set back."""
    times = [NOW, NOW + KEPT_MS - 1, NOW + KEPT_MS, NOW - 10**6]
    asked = []

    def watched(most):
        asked.append(most)
        return [], 0

    looked = Freshness(watched, {}.get, iter(times).__next__, 10_000)

    for _ in times:
        looked.figures()
    assert len(asked) == 3
