"""The last verdict of ``verify``, kept for the first screen."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from walmart_stream.storage.queries import MAX_TIME_MS

# A collection of one document a check.
CHECKS = "checks"
VERIFY = "verify"


async def note_verdict(database: Any, verdict: str, at: datetime) -> None:
    """Keep the *verdict* of a verification that ended at *at* in the place of the one before.

    Raises:
        PyMongoError: the database is away, or its user may only read.
    """
    await database[CHECKS].update_one(
        {"_id": VERIFY}, {"$set": {"verdict": verdict, "at": at}}, upsert=True
    )


async def last_verdict(database: Any) -> Mapping[str, Any] | None:
    """``verdict`` and ``at`` of the last verification; ``None``: none is known.

    Raises:
        PyMongoError: the database cannot be asked.
    """
    found: Mapping[str, Any] | None = await database[CHECKS].find_one(
        {"_id": VERIFY}, max_time_ms=MAX_TIME_MS
    )
    return found
