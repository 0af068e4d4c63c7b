"""Random fleets under random trouble: no budget is exceeded, and no item waits beyond its ceiling.

The real quota, allowance, queue and schedule, as the poll timer combines them, on clocks that step.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.schedule_bench.simulate import START
from walmart_stream.domain.schedule.learning import EAGERNESS, LearningSchedule
from walmart_stream.domain.schedule.pace import Allowance, burst_of
from walmart_stream.domain.schedule.poll import ANSWERED, NEVER, Poll, decode_poll, encode_poll
from walmart_stream.domain.schedule.queue import Item, PollQueue
from walmart_stream.domain.schedule.quota import DAY_MS, NONE, Days, share, spread
from walmart_stream.domain.schedule.uniform import ITEMS_PER_CALL

LONGEST = 8 * 3600.0
# Seconds: a fuzzed clock is off by less, as one that Walmart's answers have set.
DOUBT = 5.0
TROUBLES = ("crash", "rebalance", "step", "import", "remove", "outage")


@dataclass(slots=True)
class _Worker:
    owned: set[int]
    queue: PollQueue
    schedule: LearningSchedule
    allowance: Allowance
    error_ms: int = 0
    out_until: int = 0


@dataclass
class Fuzz:
    """One run, made of its *seed*; ``faults`` says what went wrong.

    ``waits`` counts the items whose wait was held against the ceiling at the end.
    """

    seed: int
    faults: list[str] = field(default_factory=list)
    waits: int = 0

    def run(self) -> Fuzz:
        """Poll for some hours around a midnight, with up to eight troubles."""
        random = self.random = Random(self.seed)
        self.partitions = random.choice((1, 3, 12))
        self.per_day = random.choice((40, 500, 5000))
        self.shortest = random.choice((10.0, 60.0))
        self.items = {str(number) for number in range(random.randint(1, 250))}
        self.rates = {item: random.lognormvariate(-10, 2) for item in self.items}
        self.stored: dict[str, bytes] = {}
        self.usage = dict.fromkeys(range(self.partitions), NONE)
        self.made: Counter[int] = Counter()
        self.calls: list[int] = []
        self.true = START - START % DAY_MS + DAY_MS - random.randint(1, 4) * 3_600_000
        begin, end = self.true, self.true + 6 * 3_600_000
        # In every other run the troubles end early, so that items' bounds must hold at the end.
        last = end if self.seed % 2 else begin + (end - begin) // 4
        times = sorted(random.randint(begin, last) for _ in range(random.randint(0, 8)))
        # Where no trouble has been for two ceilings, the bounds of items must hold.
        self.calm_since = begin
        self._start()
        step = max(2_000, int(DAY_MS / self.per_day / 3))
        while self.true < end:
            while times and times[0] <= self.true:
                times.pop(0)
                self._trouble(random.choice(TROUBLES))
                # An outage is a trouble until it ends.
                self.calm_since = max([self.true, *(each.out_until for each in self.workers)])
            for worker in self.workers:
                self._tick(worker)
            self.true += step
        self._check()
        return self

    def _partition(self, item: str) -> int:
        return int(item) % self.partitions

    def _start(self) -> None:
        count = self.random.randint(1, min(3, self.partitions))
        owner = [self.random.randrange(count) for _ in range(self.partitions)]
        self.workers = []
        for number in range(count):
            owned = {p for p in range(self.partitions) if owner[p] == number}
            if owned:
                self.workers.append(self._worker(owned))

    def _worker(self, owned: set[int]) -> _Worker:
        schedule = LearningSchedule(self.shortest, LONGEST)
        error = self.random.randint(-int(DOUBT * 1000), int(DOUBT * 1000))
        now = self.true + error
        queue = PollQueue(schedule, now)
        # As the poll timer: what has become due since the calls of whoever was here before.
        quiet = max((self.usage[p].at for p in owned), default=0)
        pace, burst = self._pace(owned, now), self._burst(owned)
        tokens = burst if not quiet else min(burst, max(0, now - quiet) / 1000 * pace)
        worker = _Worker(owned, queue, schedule, Allowance(tokens, now), error)
        for partition in owned:
            queue.begin(partition)
        for item in sorted(self.items):
            if (partition := self._partition(item)) in owned:
                queue.put(Item(partition, item), self._known(item), now)
        return worker

    def _known(self, item: str) -> Poll:
        value = self.stored.get(item)
        return NEVER if value is None else decode_poll(value)

    def _trouble(self, kind: str) -> None:
        random = self.random
        if kind in ("crash", "rebalance"):
            self._start()
        elif kind == "step":
            worker = random.choice(self.workers)
            worker.error_ms = random.randint(-int(DOUBT * 1000), int(DOUBT * 1000))
        elif kind == "outage":
            random.choice(self.workers).out_until = self.true + random.randint(1, 900_000)
        elif kind == "remove":
            for item in [item for item in sorted(self.items) if random.random() < 0.3]:
                self.items.discard(item)
                for worker in self.workers:
                    worker.queue.remove(Item(self._partition(item), item))
        else:
            first = 1000 * random.randint(1, 500)
            for item in map(str, range(first, first + random.randint(1, 200))):
                self.items.add(item)
                self.rates.setdefault(item, random.lognormvariate(-10, 2))
                for worker in self.workers:
                    entry = Item(self._partition(item), item)
                    if entry.partition in worker.owned and entry not in worker.queue:
                        worker.queue.put(entry, self._known(item), self.true + worker.error_ms)

    def _days(self, now: int) -> Days:
        return Days.around(now, DOUBT, DOUBT)

    def _left(self, partition: int, days: Days) -> int:
        usage = self.usage[partition]
        return min(
            share(self.per_day, (partition + day) % self.partitions, self.partitions)
            - usage.on(day)
            for day in days
        )

    def _pace(self, owned: set[int], now: int) -> float:
        left = sum(max(0, self._left(p, self._days(now))) for p in owned)
        even = self.per_day * len(owned) / self.partitions / (DAY_MS / 1000)
        return min(even, left / ((DAY_MS - now % DAY_MS) / 1000))

    def _burst(self, owned: set[int]) -> float:
        return max(1.0, burst_of(self.per_day) * len(owned) / self.partitions)

    def _tick(self, worker: _Worker) -> None:
        now = self.true + worker.error_ms
        pace = self._pace(worker.owned, now)
        worker.allowance.grow(now, pace, self._burst(worker.owned))
        while worker.allowance.calls:
            call = worker.queue.take(now, pace)
            if call is None:
                return
            days = self._days(now)
            left = {p: max(0, self._left(p, days)) for p in worker.owned}
            granted = spread(min(1, sum(left.values())), left)
            for partition, calls in granted.items():
                self.usage[partition] = self.usage[partition].plus(calls, days, now)
            if not granted:
                self._postpone(worker, call.items, now)
                return
            worker.allowance.spend(1)
            self.made[self.true // DAY_MS] += 1
            self.calls.append(self.true)
            if self.true < worker.out_until:
                self._postpone(worker, call.items, now)
            else:
                self._answer(worker, call.items, now)
            worker.queue.made(call, 1, answered=self.true >= worker.out_until)

    def _postpone(self, worker: _Worker, items: object, now: int) -> None:
        for item in items:  # type: ignore[attr-defined]
            worker.queue.pause(item, self._known(item.item_id), now + 15_000)

    def _answer(self, worker: _Worker, items: object, now: int) -> None:
        for item in items:  # type: ignore[attr-defined]
            before = self._known(item.item_id)
            gap = (now - before.at) / 1000
            if before.at and gap < self.shortest - 2 * DOUBT:
                self.faults.append(f"{item.item_id} was asked for again after {gap:.0f} s")
            changed = self.random.random() < min(1.0, self.rates[item.item_id] * max(0.0, gap))
            sights = before.sights.after(now, changed=changed, own=False)
            poll = Poll(now, ANSWERED, answered=now, sights=sights)
            self.stored[item.item_id] = encode_poll(poll)
            worker.queue.put(item, poll, now)

    def _check(self) -> None:
        for day, made in self.made.items():
            if made > self.per_day:
                self.faults.append(f"{made} calls on day {day}, granted are {self.per_day}")
        # Any span has its even share, and a burst for each start of a worker at most.
        hour = [sum(at <= one < at + 3_600_000 for one in self.calls) for at in self.calls[::20]]
        most = self.per_day / 24 + 12 * burst_of(self.per_day) + len(self.usage)
        if max(hour, default=0) > most:
            self.faults.append(f"{max(hour)} calls in an hour")
        for worker in self.workers:
            self._check_items(worker)

    def _check_items(self, worker: _Worker) -> None:
        now = self.true + worker.error_ms
        pace = self._pace(worker.owned, now)
        mine = [item for item in self.items if self._partition(item) in worker.owned]
        if not mine or pace <= 0:
            return
        round_s = max(self.shortest, -(-len(mine) // ITEMS_PER_CALL) / pace)
        # A worker's own share may be so small that a call takes its time.
        bound = 1.2 * EAGERNESS * max(worker.schedule.ceiling, round_s) + 2 / pace + self.shortest
        # New items have a quarter of the calls, so that an import takes its time, too.
        if (self.true - self.calm_since) / 1000 < 2 * bound + 5 * round_s:
            return
        self.waits += len(mine)
        for item in mine:
            waited = (now - self._known(item).at) / 1000
            if waited > bound:
                self.faults.append(f"{item} was not asked for in {waited:.0f} s, {bound:.0f} s")


def fuzz(runs: int) -> dict[str, Any]:
    """The first faults of *runs*, and in how many of them items' waits were looked at."""
    waits, faults = [], []
    for seed in range(runs):
        one = Fuzz(seed).run()
        waits.append(one.waits)
        faults += [f"seed {seed}: {fault}" for fault in one.faults]
    held = sum(count > 0 for count in waits)
    return {"runs": runs, "runs_with_waits": held, "waits": sum(waits), "faults": faults[:20]}
