"""Polling as the poll timer does it, on a clock that ticks by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from walmart_stream.domain.schedule.pace import Allowance
from walmart_stream.domain.schedule.poll import ANSWERED, INVALID, MISSING, NEVER, Poll
from walmart_stream.domain.schedule.queue import Call, Item, PollQueue
from walmart_stream.domain.schedule.uniform import Schedule

# Walmart's usual daily quota, as calls a second.
DAILY_PACE = 5000 / 86_400
START = 1_795_348_800_000
BURST = 35.0


@dataclass
class Run:
    """Polling as the poll timer does it, on a clock that ticks by hand; times in seconds.

    ``arrivals``: when each item is watched for the first time. Walmart refuses ``refused`` ids,
    leaves ``missing`` ones out, and answers nothing between the times of ``outage``.
    """

    schedule: Schedule
    calls_per_second: float
    arrivals: Mapping[str, float]
    refused: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    outage: tuple[float, float] = (0, 0)
    burst: float = BURST
    tick: float = 1.0
    calls: list[tuple[float, Call]] = field(default_factory=list)
    polls: dict[Item, Poll] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.queue = PollQueue(self.schedule, START)
        self.queue.begin(0)
        self.allowance = Allowance(self.burst, START)
        self.coming = sorted(self.arrivals, key=lambda item_id: self.arrivals[item_id])
        self.now = 0.0

    def until(self, end: float) -> Run:
        while self.now < end:
            at = START + int(self.now * 1000)
            while self.coming and self.arrivals[self.coming[0]] <= self.now:
                self.queue.put(Item(0, self.coming.pop(0)), NEVER, at)
            self.allowance.grow(at, self.calls_per_second, self.burst)
            while self.allowance.calls:
                call = self.queue.take(at, self.calls_per_second)
                if call is None:
                    break
                self.allowance.spend(1)
                self._answer(call, at)
            self.now += self.tick
        return self

    def _answer(self, call: Call, at: int) -> None:
        self.calls.append((self.now, call))
        ids = {item.item_id for item in call.items}
        out = self.outage[0] <= self.now < self.outage[1]
        spoiled = not out and len(ids) > 1 and not ids.isdisjoint(self.refused)
        self.queue.made(call, 1, answered=not out and not ids & self.refused)
        if out:
            for item in call.items:
                self.queue.pause(item, self.polls.get(item, NEVER), at + 15_000)
        elif spoiled:
            self.queue.halve(call)
        else:
            for item in call.items:
                answered = self.polls.get(item, NEVER).answered
                outcome = ANSWERED
                if item.item_id in self.refused:
                    outcome = INVALID
                elif item.item_id in self.missing:
                    outcome = MISSING
                else:
                    answered = at
                self.polls[item] = Poll(at, outcome, answered=answered)
                self.queue.put(item, self.polls[item], at)

    def asked(self, since: float = 0) -> dict[str, list[float]]:
        """The times at which each item was asked for."""
        asked = defaultdict(list)
        for at, call in self.calls:
            if at >= since:
                for item in call.items:
                    asked[item.item_id].append(at)
        return asked

    def gaps(self, since: float = 0) -> dict[str, list[float]]:
        """Seconds between two polls, per item."""
        return {
            item_id: [later - earlier for earlier, later in pairwise(times)]
            for item_id, times in self.asked(since).items()
        }


def most_beyond(times: list[float], rate: float) -> float:
    """The calls by which the worst span between two of *times* exceeds its quota."""
    worst = lowest = 0.0
    for made, at in enumerate(times):
        # Calls so far against what the quota has given so far; the difference of two such
        # figures is a span's.
        ahead = made - rate * at
        lowest = ahead if made == 0 else min(lowest, ahead)
        worst = max(worst, ahead + 1 - lowest)
    return worst
