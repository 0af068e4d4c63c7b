"""Judging changes after a log lost its end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.chaos.after_cut import compare


def _changes(**cents: tuple[int, int]) -> dict[str, Any]:
    """Changes of one offer: name -> (second, price in cents)."""
    return {
        name: {
            "_id": name,
            "item_id": "1",
            "offer": "featured",
            "observed_at": datetime.fromtimestamp(second, UTC),
            "price_cents": price,
        }
        for name, (second, price) in cents.items()
    }


def test_the_first_change_after_a_cut_is_not_judged() -> None:
    """The state before it may be gone."""
    comparison = compare(_changes(a=(1, 5), x=(0, 1)), _changes(a=(1, 7)))

    assert (comparison.lost, comparison.duplicated, comparison.wrong) == (0, 0, 0)


def test_later_changes_have_to_be_stored_as_the_log_has_them() -> None:
    """One is missing, one differs, and one comes from nowhere."""
    log = _changes(a=(1, 5), b=(2, 6), c=(3, 7), d=(4, 8))

    comparison = compare(_changes(a=(1, 5), c=(3, 9), d=(4, 8), e=(5, 1)), log)

    assert (comparison.lost, comparison.duplicated, comparison.wrong) == (1, 1, 1)
    assert comparison.compared == 3
