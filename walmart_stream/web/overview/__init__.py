"""The first screen in one call: is all well, what needs the seller, and how the shop stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from aiohttp import web
from pymongo.errors import PyMongoError

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.web.context import Context
from walmart_stream.web.errors import json_response
from walmart_stream.web.group import group
from walmart_stream.web.inputs import NoQuery, query
from walmart_stream.web.overview.figures import figures_of, quota_figure
from walmart_stream.web.overview.health import health_of
from walmart_stream.web.overview.needs import MOST_ROWS, Needs, needs_of, not_seen

__all__ = ["overview", "overview_data"]

T = TypeVar("T")

# Seconds for which figures read from the database are kept: the first screen asks every few
# seconds, in as many browsers as look at it.
FIGURES_KEPT = 30.0
NEEDS_KEPT = 5.0

AWAY = "MongoDB does not answer"


async def overview(context: Context, request: web.Request) -> web.StreamResponse:
    """The first screen as JSON."""
    query(NoQuery, request)
    return json_response(await overview_data(context))


async def overview_data(context: Context) -> dict[str, Any]:
    """The fields of :class:`walmart_stream.web.overview_outputs.Overview`.

    Neither a worker that is silent nor a database that is away keeps it from being answered: what
    is not known is null, and the sentence says so.
    """
    now = to_ms(context.clock())
    workers, fault, figures, needs = await asyncio.gather(
        group(context),
        context.ping.fault(),
        _kept(context, "figures", FIGURES_KEPT, lambda: figures_of(context)),
        _kept(context, "needs", NEEDS_KEPT, lambda: needs_of(context)),
    )
    known = Needs([], {}, AWAY) if needs is None else needs[0]
    rows = [*known.rows, *not_seen(workers.late(MOST_ROWS))]
    return {
        "at": to_iso(now),
        "health": health_of(
            workers,
            context.live.failing(),
            fault,
            now,
            context.rules.known_ms,
            None if figures is None else figures[0],
        ),
        "needs_you": _first(rows),
        "needs_counts": known.counts,
        "needs_unlisted": known.unlisted,
        "figures": None if figures is None else {**figures[0], "age_seconds": figures[1]},
        "quota": quota_figure(workers),
    }


async def _kept(
    context: Context, name: str, seconds: float, make: Callable[[], Awaitable[T]]
) -> tuple[T, float] | None:
    """An answer of the database and its age in seconds; ``None`` while it is away."""
    try:
        return await context.kept.get(name, seconds, make)
    except PyMongoError:
        return None


def _first(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Up to :data:`MOST_ROWS` rows, one of each kind before a second one; an item once."""
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    named: set[str] = set()
    for row in rows:
        if row["item_id"] not in named:
            named.add(row["item_id"])
            kinds.setdefault(row["kind"], []).append(row)
    ranked = [(place, row) for found in kinds.values() for place, row in enumerate(found)]
    chosen = sorted(ranked, key=lambda one: one[0])[:MOST_ROWS]
    order = list(kinds)
    return sorted((row for _, row in chosen), key=lambda row: order.index(row["kind"]))
