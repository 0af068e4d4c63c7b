"""The ``items`` documents that an item's course comes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from walmart_stream.audit.course import Course, stored_form
from walmart_stream.storage.item_documents import EDITS, WATCH_FIELDS, facets, merged

Document = Mapping[str, Any]

# What an observation has no say in.
_OTHERS = (*WATCH_FIELDS, EDITS)


def item_versions(item_id: str, course: Course, lower: int, stored: Document) -> list[Document]:
    """The versions that may be stored: as of the offset *lower*, and as of each later result.

    What only the watchlist says is taken from the *stored* one.
    """
    offers: dict[int, list[Document]] = defaultdict(list)
    changes: dict[int, list[Document]] = defaultdict(list)
    for versions in course.offers.values():
        for version in versions:
            offers[version.offset].append(version.document)
    for version in course.changes.values():
        changes[version.offset].append(version.document)
    offsets = sorted(offers)
    found: list[Document] = []
    present: dict[str, Document] = {}
    made: dict[str, Any] | None = None
    for number, offset in enumerate(offsets):
        present.update((one["offer"], one) for one in offers[offset])
        made = merged(made, item_id, present, changes[offset])
        if offset >= lower or number + 1 == len(offsets) or offsets[number + 1] >= lower:
            found.append(_as_stored(made, stored))
    return found


def _as_stored(made: Document, stored: Document) -> Document:
    tags = stored.get("tags", ())
    own_facets = facets(tags, made.get("state"))
    if stored.get("facets") == facets(tags, None):
        own_facets = facets(tags, None)  # where the state is sealed
    given = {name: stored[name] for name in _OTHERS if name in stored}
    return stored_form({**made, "_id": made["item_id"], "facets": own_facets, **given})
