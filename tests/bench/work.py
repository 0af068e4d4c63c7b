"""The records of all runs, and what they must come to."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import cached_property
from itertools import islice

from tests.bench.answer import Answer, expected
from tests.bench.observations import SPEED, Raw, observations

# Each item is seen so often on average before the clock runs; Java compiles its code meanwhile.
WARM_UP_ROUNDS = 6


class Work:
    """*messages* observations of *items* items, after a warm-up."""

    def __init__(self, messages: int, items: int, speed: float = SPEED) -> None:
        self.messages = messages
        self.items = items
        self._parts: dict[float, Work] = {}
        log = observations(items, speed)
        self.warm_up: Sequence[Raw] = list(islice(log, WARM_UP_ROUNDS * items))
        self.measured: Sequence[Raw] = list(islice(log, messages))

    def part(self, share: float) -> Work:
        """The same with only the first *share* of the observations after the warm-up."""
        if share == 1:
            return self
        if share not in self._parts:
            part = copy(self)
            part.__dict__.pop("answer", None)
            part.messages = round(self.messages * share)
            part.measured = self.measured[: part.messages]
            self._parts[share] = part
        return self._parts[share]

    @cached_property
    def answer(self) -> Answer:
        return expected((*self.warm_up, *self.measured))

    @cached_property
    def warm_up_documents(self) -> int:
        """The number of documents that the warm-up comes to."""
        return expected(self.warm_up).documents
