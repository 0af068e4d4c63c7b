"""How long ago items were seen: of each worker by a sample, and of all workers together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# Ages of a worker's items that are passed on, evenly spaced in their order: a few hundred bytes.
QUANTILES = 100

# Upper bounds of the histogram's bars, seconds; the last bar has none.
BOUNDS = (60, 300, 900, 3_600, 14_400, 43_200, 86_400)


def freshness(ages: Sequence[float | None], items: int) -> dict[str, Any]:
    """A worker's figures by the *ages* (seconds; ``None``: never seen) of a sample of its *items*.

    ``ages_s`` are in order, the oldest among them.
    """
    known = sorted(age for age in ages if age is not None)
    if len(known) > QUANTILES:
        known = [known[(one + 1) * len(known) // QUANTILES - 1] for one in range(QUANTILES)]
    return {
        "items": items,
        "sampled": len(ages),
        "never": sum(age is None for age in ages),
        "ages_s": [round(age, 1) for age in known],
    }


def together(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of all workers by those of each, as :func:`freshness` gives them.

    Counts are estimates where not every item was looked at (``sampled`` < ``items``).
    """
    weighted: list[tuple[float, float]] = []
    items = sampled = 0
    never = 0.0
    for part in parts:
        items += part["items"]
        sampled += part["sampled"]
        if not part["sampled"]:
            continue
        never_here = part["items"] * part["never"] / part["sampled"]
        never += never_here
        ages = part["ages_s"]
        weighted += [(age, (part["items"] - never_here) / len(ages)) for age in ages]
    weighted.sort()
    bars = [0.0] * (len(BOUNDS) + 1)
    for age, weight in weighted:
        bars[bisect_left(BOUNDS, age)] += weight
    return {
        "items": items,
        "sampled": sampled,
        "never": round(never),
        "median_s": _at(weighted, 0.5),
        "p95_s": _at(weighted, 0.95),
        "oldest_s": weighted[-1][0] if weighted else None,
        "histogram": [
            {"up_to_s": bound, "items": round(bar)}
            for bound, bar in zip((*BOUNDS, None), bars, strict=True)
        ],
    }


def _at(weighted: Sequence[tuple[float, float]], share: float) -> float | None:
    """The age that *share* of the weight is not above."""
    left = share * sum(weight for _, weight in weighted)
    for age, weight in weighted:
        left -= weight
        if left <= 1e-9:
            return age
    return weighted[-1][0] if weighted else None
