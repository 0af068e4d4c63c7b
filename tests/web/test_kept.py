"""Answers that are kept for a moment."""

from __future__ import annotations

import asyncio

import pytest

from walmart_stream.web.kept import Kept


async def test_an_answer_is_made_once_for_all_that_ask_meanwhile() -> None:
    """Also for those that ask while it is being made."""
    made = []

    async def make():
        await asyncio.sleep(0)
        made.append(1)
        return len(made)

    now = iter([0.0, 3.0, 9.0, 10.0]).__next__
    kept = Kept(now)

    assert await asyncio.gather(*(kept.get("a", 10, make) for _ in range(3))) == [
        *((1, 0.0), (1, 3.0), (1, 9.0))
    ]
    assert await kept.get("a", 10, make) == (2, 0.0)


async def test_a_failure_is_not_kept() -> None:
    """Whoever asks next tries again."""
    answers = iter([ValueError("away"), None])

    async def make():
        if (fault := next(answers)) is not None:
            raise fault
        return 1

    kept = Kept(lambda: 0.0)

    with pytest.raises(ValueError, match="away"):
        await kept.get("a", 10, make)
    assert await kept.get("a", 10, make) == (1, 0.0)
