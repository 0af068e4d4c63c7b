"""Dead letters as MongoDB has them: the newest ones, and how many there are of each reason."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from walmart_stream.domain.time import to_iso, to_ms
from walmart_stream.storage.documents import DEAD_LETTERS
from walmart_stream.storage.sealed import UNREADABLE
from walmart_stream.web.context import Context
from walmart_stream.web.errors import json_response
from walmart_stream.web.inputs import LettersQuery, query

# Characters of a key and a value: enough to see what it was.
SHOWN = 500

# Letters whose reasons are counted, the newest ones: a flood's reason shows in any thousand.
COUNTED = 10_000

_FIELDS = ("topic", "partition", "offset", "stage", "class", "message", "bytes")


async def listing(context: Context, request: web.Request) -> web.StreamResponse:
    """The newest dead letters, and the reasons of all that are counted."""
    asked = query(LettersQuery, request)
    return json_response(await letters_data(context, asked.limit))


async def letters_data(context: Context, limit: int) -> dict[str, Any]:
    """The newest *limit* letters and, of the newest ones, the reasons by how often they came.

    Raises:
        PyMongoError: the database is away.
    """
    collection = context.database[DEAD_LETTERS]
    newest = collection.find().sort("at", -1).limit(limit).to_list(limit)
    by_reason = collection.aggregate(
        [
            {"$sort": {"at": -1}},
            {"$limit": COUNTED},
            {
                "$group": {
                    "_id": {"class": "$class", "stage": "$stage"},
                    "count": {"$sum": 1},
                    "newest": {"$max": "$at"},
                }
            },
            {"$sort": {"count": -1, "_id": 1}},
        ]
    ).to_list(COUNTED)
    letters, reasons = await asyncio.gather(newest, by_reason)
    return {
        "reasons": [
            {**one["_id"], "count": one["count"], "newest": to_iso(to_ms(one["newest"]))}
            for one in reasons
        ],
        "counted": sum(one["count"] for one in reasons),
        "letters": [_letter(context, stored) for stored in letters],
    }


def _letter(context: Context, stored: Mapping[str, Any]) -> dict[str, Any]:
    document = context.seal.open(DEAD_LETTERS, stored)
    unreadable = {UNREADABLE: document[UNREADABLE]} if UNREADABLE in document else {}
    return {
        "id": stored["_id"],
        **{name: document.get(name) for name in _FIELDS},
        "at": to_iso(to_ms(stored["at"])),
        "key": _begin(document.get("key")),
        "value": _begin(document.get("value")),
        **unreadable,
    }


def _begin(kept: Any) -> str | None:
    """The beginning of what is kept; bytes that are not text are in base64, and say so."""
    if kept is None:
        return None
    text = f"base64:{kept['base64']}" if isinstance(kept, Mapping) else str(kept)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
