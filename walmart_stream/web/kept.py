"""Answers that cost something, kept for a moment: whoever asks meanwhile shares them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Kept:
    """The last answer by name; *monotonic* gives seconds."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._answers: dict[str, tuple[float, Any]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(
        self, name: str, seconds: float, make: Callable[[], Awaitable[Any]]
    ) -> tuple[Any, float]:
        """The answer of *make*, at most *seconds* old, and its age in seconds.

        Raises what *make* raises; then nothing is kept.
        """
        async with self._locks.setdefault(name, asyncio.Lock()):
            now = self._monotonic()
            known = self._answers.get(name)
            if known is not None and now - known[0] < seconds:
                return known[1], now - known[0]
            answer = await make()
            self._answers[name] = now, answer
            return answer, 0.0
