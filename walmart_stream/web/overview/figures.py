"""Four figures of the shop, each with the one of the day before."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from walmart_stream.domain.figures import as_of, directions, is_above, own_time
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.sample import Sample, sample
from walmart_stream.storage.verdicts import last_verdict
from walmart_stream.web.context import Context
from walmart_stream.web.group import Group
from walmart_stream.web.system import quota

DAY_MS = 86_400_000


async def figures_of(context: Context) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.overview_outputs.Figures`, but its age.

    Raises:
        PyMongoError: the database cannot be asked.
    """
    now = context.clock()
    since = now - timedelta(milliseconds=2 * DAY_MS)
    found, verdict = await asyncio.gather(
        sample(context.database, context.seal, since), last_verdict(context.database)
    )
    made = await asyncio.to_thread(_made, found, to_ms(now))
    verified = None
    if verdict is not None:
        verified = {"verdict": verdict["verdict"], "at": to_iso(to_ms(verdict["at"]))}
    return {**made, "verified": verified}


def quota_figure(workers: Group) -> dict[str, Any]:
    """The share of the day's calls, and the median age of the prices seen with them."""
    said = quota(workers)
    granted = said["calls_today"] + said["calls_left_today"]
    return {
        **said,
        # Yesterday's whole day, by what is granted today.
        "share_before": min(1.0, said["calls_yesterday"] / granted) if granted else None,
        "median_age_seconds": workers.freshness()["median_s"],
    }


def _made(found: Sample, now: int) -> dict[str, Any]:
    scale = found.total / len(found.items) if found.items else 1.0
    day, before = (now - DAY_MS, now), (now - 2 * DAY_MS, now - DAY_MS)
    count, up, down = _directions(found, *day)
    return {
        "items": found.total,
        "sampled": len(found.items),
        "as_of": to_iso(now),
        "buy_box_share": {"now": _share(found, *day), "before": _share(found, *before)},
        "above_best_rival": {
            "now": _above(found, None, scale),
            "before": _above(found, now - DAY_MS, scale),
        },
        "price_changes": {
            "now": round(count * scale),
            "up": round(up * scale),
            "down": round(down * scale),
            "before": round(_directions(found, *before)[0] * scale),
            "is_at_least": found.is_cut,
        },
    }


def _share(found: Sample, begin: int, end: int) -> float | None:
    times = [own_time(one.ribbon, begin, end) for one in found.items]
    known = sum(known for _, known in times)
    return sum(own for own, _ in times) / known if known else None


def _above(found: Sample, at: int | None, scale: float) -> int | None:
    """Items whose own landed price is above the best rival's, now or as of *at* (epoch ms)."""
    said = [
        is_above(one.offers if at is None else as_of(one.offers, one.changes, at))
        for one in found.items
    ]
    if all(one is None for one in said):
        return None
    return round(sum(one is True for one in said) * scale)


def _directions(found: Sample, begin: int, end: int) -> tuple[int, int, int]:
    sums = [directions(one.changes, begin, end) for one in found.items]
    return sum(a for a, _, _ in sums), sum(b for _, b, _ in sums), sum(c for _, _, c in sums)
