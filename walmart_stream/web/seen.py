"""Since when items were not seen, which only the workers that own them know.

Each owner is asked for its items, all of them side by side, and none is waited for for long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aiohttp import web
from yarl import URL

from walmart_stream.domain.time import parse_iso, to_iso
from walmart_stream.web.context import Context
from walmart_stream.web.errors import NotReady, json_response
from walmart_stream.web.inputs import MOST_IDS, SeenQuery, query
from walmart_stream.web.items import require_tables
from walmart_stream.web.workers import Silent, Workers, name_of

PATH = "/api/seen"

_MOVING = "its partition is moving between workers"


class SeenThen(NamedTuple):
    """The times at which items were last seen, and the workers that did not say, with the reason.

    An item is missing where its worker is late, and ``None`` where nobody has seen it.
    """

    at: dict[str, str | None]
    late: list[str]


async def seen(context: Context, request: web.Request) -> web.StreamResponse:
    """The times at which this worker last saw items of its own."""
    ids = query(SeenQuery, request).ids
    require_tables(context)
    return json_response({"seen_at": _own(context, ids.split(",") if ids else [])})


async def seen_of(context: Context, item_ids: Sequence[str]) -> SeenThen:
    """Ask the owners of *item_ids*."""
    workers = context.workers
    if workers is None:
        return SeenThen(_own(context, item_ids), [])
    by_owner: dict[URL | None, list[str]] = {}
    for item_id in item_ids:
        by_owner.setdefault(workers.owner(item_id), []).append(item_id)
    late = []
    if by_owner.pop(None, None) is not None:
        late.append(f"nobody: {_MOVING}")
    found: dict[str, str | None] = {}
    ours = by_owner.pop(workers.own_url, [])
    if ours:
        try:
            require_tables(context)
            found.update(_own(context, ours))
        except NotReady as exc:
            late.append(f"{name_of(workers.own_url)}: {exc}")
    answers = await asyncio.gather(
        *(
            _ask(workers, url, ids[first : first + MOST_IDS])
            for url, ids in by_owner.items()
            if url is not None
            for first in range(0, len(ids), MOST_IDS)
        ),
        return_exceptions=True,
    )
    for answer in answers:
        if isinstance(answer, Silent):
            late.append(str(answer))
        elif isinstance(answer, BaseException):
            raise answer
        else:
            found.update(answer)
    return SeenThen(found, sorted(set(late)))


def _own(context: Context, item_ids: Iterable[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for item_id in item_ids:
        state = context.live.item(item_id)
        found[item_id] = to_iso(state.observed_at) if state is not None and state.offers else None
    return found


async def _ask(workers: Workers, url: URL, ids: Sequence[str]) -> dict[str, str | None]:
    """The owner's answer, of which only what looks like one is taken.

    Raises:
        Silent: there is none in time.
    """
    answer = (await workers.ask(url, PATH, {"ids": ",".join(ids)})).get("seen_at")
    if not isinstance(answer, Mapping):
        raise Silent(f"{name_of(url)}: another form")
    try:
        return {name: _time(answer[name]) for name in ids if name in answer}
    except (TypeError, ValueError):
        raise Silent(f"{name_of(url)}: another form") from None


def _time(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError
    return to_iso(parse_iso(value))
