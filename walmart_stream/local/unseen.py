"""How long changes went unseen, by what really happened in the sandbox and what it served."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Any

import aiohttp

from walmart_stream.local.truth_check import served_answers

# At most this share of a run is left out at its end, where it is not known yet how long a change
# goes unseen.
LONGEST_END = 0.5


@dataclass(frozen=True, slots=True)
class Unseen:
    """The changes of a run, from each item's first answer on. Times are seconds of market time.

    ``seen_share`` is the share of changes that an answer showed before the next one hid them;
    ``mean_s`` and ``p95_s`` are of the time from a change to the item's next answer. ``None``:
    nothing changed.
    """

    changes: int
    seen_share: float | None
    mean_s: float | None
    p95_s: float | None


def unseen(changes: Mapping[str, Sequence[float]], served: Mapping[str, Sequence[float]]) -> Unseen:
    """Compare *changes* with *served*: item id -> market times in order.

    Changes count until so long before the end as the longest wait between two answers was: of
    later ones it is not known how long they would have gone unseen.
    """
    times = [at for each in served.values() for at in each]
    if not times:
        return Unseen(0, None, None, None)
    first, end = min(times), max(times)
    gaps = [b - a for each in served.values() for a, b in pairwise(each)]
    until = end - min(max(gaps, default=0.0), LONGEST_END * (end - first))
    waits: list[float] = []
    shown = 0
    for item_id, answers in served.items():
        moments = [at for at in changes.get(item_id, ()) if at >= answers[0]]
        for number, at in enumerate(moments):
            if at >= until:
                break
            place = bisect_left(answers, at)
            seen = answers[place] if place < len(answers) else end
            waits.append(seen - at)
            hidden = number + 1 < len(moments) and moments[number + 1] <= seen
            shown += place < len(answers) and not hidden
    if not waits:
        return Unseen(0, None, None, None)
    waits.sort()
    p95 = waits[int(0.95 * len(waits))]
    return Unseen(len(waits), shown / len(waits), fmean(waits), p95)


def answers_by_item(
    truth: Iterable[Mapping[str, Any]], market: Mapping[str, Any], speed: float
) -> dict[str, list[float]]:
    """Item id -> market times of its answers in *truth*; *market* says which time is which."""
    served: defaultdict[str, list[float]] = defaultdict(list)
    for record in truth:
        ago = (market["at"] - record["served_at"]) / 1000 * speed
        served[record["item_id"]].append(market["market_seconds"] - ago)
    return {item_id: sorted(times) for item_id, times in served.items()}


async def true_sight(control_url: str, items: int, speed: float) -> dict[str, Any]:
    """The true figures of a run on the first *items* of a sandbox at *speed*, for its report."""
    truth = [record async for record in served_answers(control_url)]
    async with aiohttp.ClientSession() as session:
        market = await _get(session, f"{control_url}/changes", {"limit": str(items)})
        stats = await _get(session, f"{control_url}/stats", {})
    found = unseen(market["changes"], answers_by_item(truth, market, speed))
    return {
        "calls": stats["calls"],
        "changes": found.changes,
        "changes_seen_share": _rounded(found.seen_share, 4),
        "unseen_mean_s": _rounded(found.mean_s, 1),
        "unseen_p95_s": _rounded(found.p95_s, 1),
    }


async def _get(
    session: aiohttp.ClientSession, url: str, query: Mapping[str, str]
) -> dict[str, Any]:
    async with session.get(url, params=query) as response:
        response.raise_for_status()
        answer: dict[str, Any] = await response.json()
        return answer


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
