"""The judgement of a run in which logs lost their ends.

Records that were acknowledged, applied and stored are gone from the log, so nobody can tell any
more what came before the last cut. What came after it can be told: from the first change of an
offer that the log holds since then, its state is what that observation said, whatever was before.
Every later change must be stored as the log has it, and no other.

Where retention has deleted records after the cut, that holds since then. A late observation may
stand behind them: no news for the workers, but the first one of its item for a replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from walmart_stream.settings import Settings
from walmart_stream.storage import mongo

EXAMPLES = 10


@dataclass
class Comparison:
    """Changes since the last cut, by what is wrong with them."""

    compared: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    notes: list[str] = field(default_factory=list)

    def note(self, what: str, document: Any) -> None:
        if len(self.notes) < EXAMPLES:
            self.notes.append(f"{what}: {document}")


async def compare_since(settings: Settings, replayed: str, since_ms: int) -> Comparison:
    """Compare the changes of the live database and of *replayed*, as far as both can be told.

    *since_ms*: epoch ms of the last cut or deletion, since when the log has lost nothing.
    """
    client = mongo.connect(settings)
    try:
        since = {"observed_at": {"$gt": datetime.fromtimestamp(since_ms / 1000, UTC)}}
        found = []
        for name in (settings.mongodb_database, replayed):
            changes = client[name]["price_changes"].find(since)
            found.append({change["_id"]: change async for change in changes})
    finally:
        client.close()
    return compare(*found)


def compare(live: Mapping[str, Any], log: Mapping[str, Any]) -> Comparison:
    """Compare changes by ``_id``; the first one of each offer in the log settles its state."""
    settled: dict[tuple[str, str], datetime] = {}
    for change in log.values():
        offer, at = (change["item_id"], change["offer"]), change["observed_at"]
        settled[offer] = min(settled.get(offer, at), at)

    def can_be_told(change: Mapping[str, Any]) -> bool:
        at = settled.get((change["item_id"], change["offer"]))
        return at is not None and change["observed_at"] > at

    comparison = Comparison()
    for _id, change in log.items():
        if not can_be_told(change):
            continue
        comparison.compared += 1
        if _id not in live:
            comparison.lost += 1
            comparison.note("not stored", change)
        elif live[_id] != change:
            comparison.wrong += 1
            comparison.note("stored otherwise", (change, live[_id]))
    for _id, change in live.items():
        if _id not in log and can_be_told(change):
            comparison.duplicated += 1
            comparison.note("not in the log", change)
    return comparison
