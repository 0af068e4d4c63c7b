"""Polls a generated world with the real queue, schedule, allowance and stored values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import log
from statistics import fmean

from tests.schedule_bench.worlds import DAY, Course
from walmart_stream.domain.schedule.pace import Allowance, burst_of
from walmart_stream.domain.schedule.poll import ANSWERED, NEVER, Poll, decode_poll, encode_poll
from walmart_stream.domain.schedule.queue import Item, PollQueue
from walmart_stream.domain.schedule.sights import Sights
from walmart_stream.domain.schedule.uniform import ITEMS_PER_CALL, Schedule

START = 1_795_348_800_000
SHORTEST = 60.0
LONGEST = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class Fleet:
    """How the items are shared: partitions, workers, and the hours at which all is reshuffled.

    At such an hour every worker is killed and started anew, with other partitions than before.
    """

    partitions: int = 12
    workers: int = 1
    upset_at: Sequence[float] = ()


@dataclass(slots=True)
class Seen:
    """The delays (seconds) of the changes that count; how many were seen, and the calls made."""

    delays: list[float] = field(default_factory=list)
    seen: int = 0
    calls: int = 0
    polls: int = 0

    def figures(self) -> dict[str, float]:
        """Mean and p95 of the time that changes went unseen, the share ever seen, and calls."""
        ordered = sorted(self.delays)
        return {
            "changes": len(ordered),
            "unseen_mean_s": round(fmean(ordered), 1),
            "unseen_p95_s": round(ordered[int(0.95 * len(ordered))], 1),
            "changes_seen_share": round(self.seen / len(ordered), 4),
            "calls": self.calls,
            "items_per_call": round(self.polls / self.calls, 2),
        }


class _Worker:
    def __init__(self, schedule: Schedule, owned: set[int], of_all: float, per_day: float) -> None:
        self.queue = PollQueue(schedule, START)
        self.pace = per_day * of_all / DAY
        self.burst = max(1.0, burst_of(per_day) * of_all)
        self.allowance = Allowance(0.0, START)
        self.owned = owned


class Simulation:
    """One world under one policy. Changes between *since* and *until* (seconds) count."""

    def __init__(
        self,
        courses: Sequence[Course],
        make: Callable[[float, float], Schedule],
        per_day: float,
        since: float,
        until: float,
        fleet: Fleet | None = None,
        knows: bool = False,
    ) -> None:
        self.courses, self.make, self.per_day = courses, make, per_day
        self.since, self.until, self.fleet = since, until, fleet or Fleet()
        self.knows = knows
        self.stored: dict[int, bytes] = {}
        self.next_change = [0] * len(courses)
        self.result = Seen()

    def run(self) -> Seen:
        """Poll from the beginning until every change that counts has been looked at."""
        workers = list(self._workers(0, 0.0, 0.0))
        upsets = [*self.fleet.upset_at]
        step = 0.5 / (self.per_day / DAY)
        now, end = 0.0, self.until + min(LONGEST, 4 * self._even())
        while now < end:
            if upsets and now >= upsets[0]:
                upsets.pop(0)
                tokens = sum(worker.allowance.tokens for worker in workers)
                workers = list(self._workers(len(upsets) + 1, now, tokens))
            for worker in workers:
                self._tick(worker, now)
            now += step
        self._rest(end)
        return self.result

    def _even(self) -> float:
        return len(self.courses) / ITEMS_PER_CALL / self.per_day * DAY

    def _workers(self, shift: int, now: float, tokens: float) -> Iterator[_Worker]:
        fleet = self.fleet
        for number in range(fleet.workers):
            owned = {p for p in range(fleet.partitions) if (p + shift) % fleet.workers == number}
            if not owned:
                continue
            share = len(owned) / fleet.partitions
            worker = _Worker(self.make(SHORTEST, LONGEST), owned, share, self.per_day)
            worker.allowance = Allowance(tokens * share, START + int(now * 1000))
            worker.queue.expect(int(len(self.courses) * share), worker.pace)
            for partition in owned:
                worker.queue.begin(partition)
                for item in range(partition, len(self.courses), fleet.partitions):
                    value = self.stored.get(item)
                    poll = NEVER if value is None else decode_poll(value)
                    at = START + int(now * 1000)
                    worker.queue.put(Item(partition, str(item)), poll, at)
            yield worker

    def _tick(self, worker: _Worker, now: float) -> None:
        at = START + int(now * 1000)
        worker.allowance.grow(at, worker.pace, worker.burst)
        while worker.allowance.calls:
            call = worker.queue.take(at, worker.pace)
            if call is None:
                return
            worker.allowance.spend(1)
            if self.since <= now < self.until:
                self.result.calls += 1
                self.result.polls += len(call.items)
            for item in call.items:
                poll = self._poll(int(item.item_id), at, now)
                worker.queue.put(item, poll, at)
            worker.queue.made(call, 1, answered=True)

    def _poll(self, item: int, at: int, now: float) -> Poll:
        value = self.stored.get(item)
        before = NEVER if value is None else decode_poll(value)
        changed = self._look(item, now)
        if self.knows:
            rate = self.courses[item].rate_at(now)
            sights = Sights(at, 1.0, log(max(1e-9, rate)))
        else:
            sights = before.sights.after(at, changed=changed, own=False)
        poll = Poll(at, ANSWERED, answered=at, sights=sights)
        self.stored[item] = encode_poll(poll)
        return poll

    def _look(self, item: int, now: float) -> bool:
        changes, first = self.courses[item].changes, self.next_change[item]
        number = first
        while number < len(changes) and changes[number] <= now:
            if self.since <= changes[number] < self.until:
                self.result.delays.append(now - changes[number])
                last = number + 1 == len(changes) or changes[number + 1] > now
                self.result.seen += last
            number += 1
        self.next_change[item] = number
        return number > first

    def _rest(self, end: float) -> None:
        for course, first in zip(self.courses, self.next_change, strict=True):
            for change in course.changes[first:]:
                if self.since <= change < self.until:
                    self.result.delays.append(end - change)
