"""``walmart-stream state``: an item as it was known at a time, and what that is based on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from walmart_stream.commands.table import Column, dollars, moment, table
from walmart_stream.domain.known_then import known_then
from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.domain.windows import Rules
from walmart_stream.kafka.item_log import item_log
from walmart_stream.settings import Settings

Progress = Callable[[int, int | None], None]


class NothingKnown(LookupError):
    """Nothing was observed of the item by then."""


class CannotBeTold(LookupError):
    """The raw topic no longer holds what was observed of the item by then."""


async def state(
    settings: Settings,
    item_id: str,
    at: datetime,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Recompute the item as it was known at *at* (aware), as JSON fields.

    Raises:
        NothingKnown: the item had not been observed.
        CannotBeTold: retention has deleted what was observed.
        KafkaError: the broker cannot be read.
    """
    log = await item_log(settings, item_id, progress)
    rules = Rules.of(settings)
    then = known_then(log, to_ms(at), rules)
    shown_at = to_iso(to_ms(at))
    if not then.offers:
        if then.is_whole:
            raise NothingKnown(f"item {item_id} had not been observed by {shown_at}")
        raise CannotBeTold(
            f"the state of item {item_id} at {shown_at} cannot be told: the raw topic's "
            f"partition {log.partition} begins at offset {log.horizon.start if log.horizon else 0}"
        )
    return {"item_id": item_id, "at": shown_at, **then.document(to_ms(at), rules)}


_COLUMNS = (
    Column("offer"),
    Column("seller"),
    *(Column(name, is_number=True) for name in ("price", "shipping", "landed")),
    Column("available"),
    Column("observed (UTC)"),
    Column("changed (UTC)"),
    Column("offset", is_number=True),
)


def lines(found: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    title = f"Item {found['item_id']} at {moment(found['at'])} UTC"
    if found["name"]:
        title += f": {found['name']}"
    offers = found["offers"]
    shown = table(title, _COLUMNS, [_row(*one) for one in offers.items()])
    places = {(one["source"]["topic"], one["source"]["partition"]) for one in offers.values()}
    shown += [f"by records of {topic}, partition {partition}" for topic, partition in places]
    box = found["buy_box"]
    if box is not None:
        holder = box["holder"] if box["seller"] is None else f"{box['holder']} ({box['seller']})"
        suppressed = ", suppressed" if box["suppressed"] else ""
        shown.append(f"buy box: {holder}{suppressed} since {box['since']}")
    return shown


def _row(name: str, offer: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        name,
        offer["seller"] or "",
        *(dollars(offer[f"{amount}_cents"]) for amount in ("price", "shipping", "landed")),
        "yes" if offer["available"] else "no",
        moment(offer["observed_at"]) + ("" if offer["known"] else " (too old)"),
        moment(offer["changed_at"]) if offer["changed_at"] else "cannot be told",
        str(offer["source"]["offset"]),
    )
