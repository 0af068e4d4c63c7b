"""Items that need the seller: a few rows, each with its one action."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.needs import MOST_COUNTED, NEEDS, needing
from walmart_stream.web.context import Context
from walmart_stream.web.words import ago, dollars

MOST_ROWS = 5
SEALED = "buy boxes are sealed in the database (MONGODB_FIELD_KEYS), so that they cannot be listed"

_ACTIONS = {
    "lost": "Compare prices",
    "suppressed": "Check the price",
    "unpublished": "See since when",
    "undercut": "Compare prices",
    "not_seen": "See why",
}


class Needs(NamedTuple):
    """Rows in the order of their kinds; counts by kind; why some kinds cannot be listed."""

    rows: list[Mapping[str, Any]]
    counts: Mapping[str, Mapping[str, Any]]
    unlisted: str | None


async def needs_of(context: Context) -> Needs:
    """The needs of the stored items.

    Raises:
        PyMongoError: the database cannot be asked.
    """
    kinds = [kind for kind, need in NEEDS.items() if need.is_plain or not context.seal.is_on]
    answers = await asyncio.gather(
        *(needing(context.database, context.seal, kind, MOST_ROWS) for kind in kinds)
    )
    found = dict(zip(kinds, answers, strict=True))
    return Needs(
        [_row(kind, item) for kind, (items, _) in found.items() for item in items],
        {
            kind: {"count": count, "is_at_least": count == MOST_COUNTED}
            for kind, (_, count) in found.items()
        },
        SEALED if context.seal.is_on else None,
    )


def not_seen(late: Iterable[tuple[str, float]]) -> list[Mapping[str, Any]]:
    """Rows of items that no price is known of any more: item id and seconds since it was seen."""
    return [
        _need("not_seen", item_id, None, f"not seen for {ago(seconds)}", None)
        for item_id, seconds in late
    ]


def _row(kind: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
    own, rival = item.get("own") or {}, item.get("best_rival") or {}
    box = item.get("buy_box") or {}
    mine, theirs = own.get("landed_cents"), rival.get("landed_cents")
    seller = rival.get("seller") or "a rival"
    compared = ""
    if mine is not None and theirs is not None:
        compared = f": yours {dollars(mine)}, {seller} {dollars(theirs)}"
        if item.get("gap_pct") is not None:
            compared += f" ({item['gap_pct']:+.1f}%)"
    texts = {
        "lost": f"{box.get('seller') or 'a rival'} has the buy box{compared}",
        "suppressed": "Walmart shows no buy box for your offer"
        + (f" at {dollars(mine)}" if mine is not None else ""),
        "unpublished": "your offer cannot be ordered",
        "undercut": f"a rival is cheaper{compared}",
    }
    since = box.get("since") if kind in ("lost", "suppressed") else None
    shown = None if since is None else to_iso(to_ms(since))
    return _need(kind, item["_id"], item.get("name"), texts[kind], shown)


def _need(
    kind: str, item_id: str, name: str | None, text: str, since: str | None
) -> Mapping[str, Any]:
    return {
        "kind": kind,
        "item_id": item_id,
        "name": name,
        "text": text,
        "since": since,
        "action": {"label": _ACTIONS[kind], "href": f"/items/{item_id}"},
    }
