"""The collection of dead letters: to be looked through, until they expire.

Its topic holds the whole originals, for as long as it is kept.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from pymongo import UpdateOne

from walmart_stream.storage.documents import DEAD_LETTERS
from walmart_stream.storage.sealed import FieldSeal

# Bytes of a key or a value that are kept here: enough to see what is wrong. A flood of the largest
# records would otherwise be gigabytes.
KEPT = 16 * 1024


def letter_document(
    name: str, fields: Mapping[str, Any], at: datetime, kept: timedelta
) -> dict[str, Any]:
    """The ``dead_letters`` document of a letter.

    *fields* has topic, partition, offset, stage, fault, message, key and value (bytes or ``None``).
    """
    key, value = fields["key"], fields["value"]
    return {
        "_id": name,
        "topic": fields["topic"],
        "partition": fields["partition"],
        "offset": fields["offset"],
        "stage": fields["stage"],
        "class": fields["fault"],
        "message": fields["message"],
        "key": _shown(key),
        "value": _shown(value),
        "bytes": len(key or b"") + len(value or b""),
        "at": at,
        "expires_at": at + kept,
    }


async def store_letters(
    database: Any, documents: Sequence[Mapping[str, Any]], seal: FieldSeal
) -> None:
    """Store *documents*; of those with the same ``_id`` the first one stays.

    Raises:
        PyMongoError: the database is away, or refuses one of them.
    """
    operations = []
    for document in documents:
        fields = dict(document)
        if seal.is_on:
            fields = seal.seal(DEAD_LETTERS, fields)
        named = fields.pop("_id")
        operations.append(UpdateOne({"_id": named}, {"$setOnInsert": fields}, upsert=True))
    if operations:
        await database[DEAD_LETTERS].bulk_write(operations, ordered=False)


def _shown(data: bytes | None) -> str | dict[str, str] | None:
    """Text as it is, anything else in base64: binary data are sealed fields only."""
    if data is None:
        return None
    try:
        # A character may be cut in two.
        return data[:KEPT].decode() if len(data) <= KEPT else data[:KEPT].decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data[:KEPT]).decode()}
