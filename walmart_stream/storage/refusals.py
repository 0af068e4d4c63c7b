"""Refusals of MongoDB that come from a document's content rather than the database's condition.

Such a write is refused however often it is repeated: by a validator of the collection, by the
limit of a document's size, by somebody's unique index. The writer sets the document apart.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from bson.errors import BSONError
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConnectionFailure,
    DocumentTooLarge,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

T = TypeVar("T")

DUPLICATE_KEY = 11000

# Failures of a single write that are the database's own, by MongoDB's error codes: interrupted,
# shutting down, stepping down, not primary, write conflicts, time limits, a disk or a quota that is
# full, permissions. All others are of the document.
OF_THE_DATABASE = frozenset(
    {13, 24, 50, 89, 91, 112, 133, 134, 189, 202, 216, 246, 262, 8000, 9001}
    | {10058, 10107, 11600, 11601, 11602, 13388, 13435, 13436, 14031}
)

# Refusals of a whole command for what is in it: bad value, type mismatch, overflow, invalid BSON,
# too large, and a field or an index key that is.
OF_A_DOCUMENT = frozenset({2, 9, 14, 15, 22, 52, 121, 10334, 17280, 17419, 17420})

LONGEST_REASON = 200


def is_outage(error: PyMongoError) -> bool:
    """Whether *error* says that the database is away, rather than that it refuses the write."""
    if isinstance(error, BulkWriteError):
        # Only write concern errors are left here: what was written may not be on a majority yet.
        return not refusals(error)
    if isinstance(error, (AutoReconnect, ConnectionFailure, ExecutionTimeout, WriteConcernError)):
        return True
    return error.has_error_label("RetryableWriteError")


def is_refusal(error: Exception) -> bool:
    """Whether *error* is of some document among those written."""
    if isinstance(error, BulkWriteError):
        found = refusals(error)
        return bool(found) and not any(one.get("code") in OF_THE_DATABASE for one in found)
    if isinstance(error, DocumentTooLarge):
        return True
    if isinstance(error, OperationFailure):
        return error.code in OF_A_DOCUMENT and not is_outage(error)
    # What cannot be encoded never leaves this process.
    return isinstance(error, BSONError | OverflowError | UnicodeError)


def is_passing(error: PyMongoError) -> bool:
    """Whether waiting for the database can help."""
    if isinstance(error, BulkWriteError):
        found = refusals(error)
        return any(one.get("code") in OF_THE_DATABASE for one in found) or is_outage(error)
    return is_outage(error)


async def set_apart(
    entries: Sequence[T], write: Callable[[Sequence[T]], Awaitable[None]]
) -> list[tuple[T, Exception]]:
    """Have *write* store *entries*, halving them until those are found that are refused.

    They are stored in order, so that of current state the newest is stored that is not refused.
    Returns each refused entry with its refusal.

    Raises:
        Exception: what *write* raises for anything but a document's content.
    """
    try:
        await write(entries)
    except Exception as exc:
        if not is_refusal(exc):
            raise
        if len(entries) < 2:
            return [(entry, exc) for entry in entries]
        half = len(entries) // 2
        return [*await set_apart(entries[:half], write), *await set_apart(entries[half:], write)]
    return []


def why(error: Exception) -> str:
    """The reason of a refusal, for a person."""
    if isinstance(error, BulkWriteError):
        first: Any = refusals(error)[0]
        return f"code {first.get('code')}: {str(first.get('errmsg'))[:LONGEST_REASON]}"
    return f"{type(error).__name__}: {str(error)[:LONGEST_REASON]}"


def refusals(error: BulkWriteError) -> list[Any]:
    """The failures in *error* that are not of an ``_id`` that is there already."""
    failures: list[Any] = error.details.get("writeErrors", [])
    return [failure for failure in failures if not _has_known_id(failure)]


def _has_known_id(failure: Mapping[str, Any]) -> bool:
    # Somebody may have made another unique index: what that refuses is not there.
    by_id = failure.get("keyPattern", {"_id": 1}) == {"_id": 1}
    return failure.get("code") == DUPLICATE_KEY and by_id
