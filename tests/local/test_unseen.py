"""The true figures of what was seen, from what happened and what was served."""

from __future__ import annotations

import pytest

from walmart_stream.local.unseen import Unseen, answers_by_item, unseen


def test_a_change_is_unseen_until_the_next_answer() -> None:
    """Answers every ten seconds, and one change in the middle of each but the last."""
    served = {"1": [0.0, 10.0, 20.0, 30.0]}

    assert unseen({"1": [4.0, 12.0, 25.0]}, served) == Unseen(2, 1.0, 7.0, 8.0)


def test_a_change_that_another_one_hides_is_never_seen() -> None:
    """But it has waited as long as until the answer after it."""
    found = unseen({"1": [1.0, 2.0, 3.0]}, {"1": [0.0, 10.0, 20.0]})

    assert found.changes == 3
    assert found.seen_share == pytest.approx(1 / 3)
    assert found.mean_s == pytest.approx(8.0)


def test_what_was_before_the_first_answer_is_no_change() -> None:
    """Nor what comes so late that nothing could have shown it."""
    found = unseen({"1": [1.0, 29.0], "2": [3.0]}, {"1": [5.0, 15.0, 30.0]})

    assert found == Unseen(0, None, None, None)
    assert unseen({"1": [1.0]}, {}) == found


def test_answers_stand_on_the_markets_own_scale() -> None:
    """A thousand market seconds to one of the clock."""
    truth = [{"item_id": "1", "served_at": 9_500}, {"item_id": "1", "served_at": 9_000}]
    market = {"market_seconds": 4000.0, "at": 10_000}

    assert answers_by_item(truth, market, 1000.0) == {"1": [3000.0, 3500.0]}
