"""The figures of all workers of the group, of those that answer in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from walmart_stream.domain.freshness import together
from walmart_stream.web.context import Context
from walmart_stream.web.workers import name_of

STATS = "/api/stats"

# Seconds. Whatever number of pages is open, each worker is asked once a second by each.
KEPT = 1.0


class Group(NamedTuple):
    """Name (host:port) -> figures of a worker as of ``/api/stats``, and the silent ones' reasons.

    ``own`` is the worker that was asked.
    """

    workers: dict[str, Mapping[str, Any]]
    silent: list[str]
    own: str

    def sums(self, *path: str) -> dict[str, float]:
        """The sums over all workers of a mapping of numbers at *path* in their figures."""
        found: dict[str, float] = {}
        for figures in self.workers.values():
            for name, value in part_of(figures, *path).items():
                if isinstance(value, int | float):
                    found[name] = found.get(name, 0) + value
        return found

    def sum(self, *path: str) -> int:
        """The sum over all workers of a number at *path* in their figures."""
        *above, last = path
        values = (part_of(figures, *above).get(last) for figures in self.workers.values())
        return int(sum(value for value in values if isinstance(value, int | float)))

    def freshness(self) -> dict[str, Any]:
        """The ages of what all workers see, as :mod:`walmart_stream.domain.freshness` has them."""
        return together(_fresh(self.workers.values()))

    def late(self, most: int) -> list[tuple[str, float]]:
        """Items that were not seen for too long, and for how many seconds; the oldest first."""
        found = [
            (str(one[0]), float(one[1]))
            for figures in self.workers.values()
            for one in part_of(figures, "freshness").get("late", ())
        ]
        return sorted(found, key=lambda one: (-one[1], one[0]))[:most]


async def group(context: Context) -> Group:
    """The workers' figures, at most :data:`KEPT` seconds old."""
    found, _ = await context.kept.get("group", KEPT, lambda: _asked(context))
    answer: Group = found
    return answer


async def _asked(context: Context) -> Group:
    """Ask every worker, this one in passing."""
    own = dict(context.live.stats())
    if context.workers is None:
        return Group({"this worker": own}, [], "this worker")
    name = name_of(context.workers.own_url)
    others, silent = await context.workers.ask_others(STATS)
    return Group({name: own, **others}, silent, name)


def part_of(figures: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """The mapping at *path*; an empty one where a worker of another release has none."""
    found: Any = figures
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _fresh(workers: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    for figures in workers:
        part = part_of(figures, "freshness")
        if {"items", "sampled", "never", "ages_s"} <= set(part):
            yield part
