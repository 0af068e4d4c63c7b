"""Reads the Affiliate API's JSON documents. Prices stay as they were sent."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.reading.sent import Unreadable
from walmart_stream.walmart.answer_json import original_of, payload_of
from walmart_stream.walmart.errors import MalformedResponse, WalmartError

_NAMED = re.compile(rb'"itemId"\s{0,20}:\s{0,20}"?([1-9][0-9]{0,19})')


@dataclass(frozen=True, slots=True)
class Answer:
    """One response with items.

    ``request_id`` is the correlation id that was sent, ``observed_at`` epoch seconds by Walmart's
    clock when the body had arrived. ``items`` maps item ids
    to their JSON objects, byte for byte as they were sent. Where these bytes are not JSON, they
    are in ``originals``, and ``items`` has them mended. ``malformed`` counts the entries without
    an item id, ``unreadable`` holds those whose quotes or brackets do not match.
    """

    request_id: str
    observed_at: float
    items: Mapping[str, bytes]
    malformed: int = 0
    originals: Mapping[str, bytes] = field(default_factory=dict)
    unreadable: tuple[Unreadable, ...] = ()


@dataclass(slots=True)
class Lookup:
    """The outcome for the items asked for; each is in exactly one place.

    In an answer; in ``missing`` (asked for, silently left out); in ``invalid`` (Walmart refuses
    this very id); in ``spoiled`` (one of several is refused, and they were not halved); in
    ``unreadable`` (its entry alone cannot be read); or in ``failed`` (its request
    failed, after retries if they made sense, or an entry that names no item may have been its).
    ``unnamed`` are those entries. ``malformed`` counts entries of answers that were unusable or
    not asked for, ``calls`` the requests that were sent.
    """

    answers: list[Answer] = field(default_factory=list)
    missing: frozenset[str] = frozenset()
    spoiled: frozenset[str] = frozenset()
    invalid: dict[str, WalmartError] = field(default_factory=dict)
    failed: dict[str, WalmartError] = field(default_factory=dict)
    malformed: int = 0
    calls: int = 0
    unreadable: dict[str, Unreadable] = field(default_factory=dict)
    unnamed: list[Unreadable] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of hits; ``total`` counts all hits, ``start`` is the first one's number, from 1."""

    answer: Answer
    total: int
    start: int


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the taxonomy; ids are parts joined by underscores, leaves have no children."""

    category_id: str
    name: str
    path: str
    children: tuple[Category, ...] = ()


def read_items(document: Any, request_id: str, observed_at: float) -> Answer:
    """The items under ``items``; no such key means none.

    Raises:
        MalformedResponse: the document or its ``items`` have another shape.
    """
    entries = _list_of(document, "items")
    items: dict[str, bytes] = {}
    originals: dict[str, bytes] = {}
    unreadable = []
    malformed = 0
    for entry in entries:
        if isinstance(entry, Unreadable):
            unreadable.append(entry)
            continue
        item_id = _item_id(entry.get("itemId")) if isinstance(entry, dict) else None
        if item_id is None:
            malformed += 1
            continue
        items[item_id] = payload_of(entry)
        original = original_of(entry)
        # Of two entries for an item the last one counts, as in the mapping.
        originals.pop(item_id, None)
        if original is not None:
            originals[item_id] = original
    return Answer(request_id, observed_at, items, malformed, originals, tuple(unreadable))


def named_in(unreadable: Unreadable) -> str | None:
    """The item id that an unreadable entry names, as far as can be seen."""
    found = _NAMED.search(unreadable.raw)
    return None if found is None else found[1].decode()


def read_search(document: Any, request_id: str, observed_at: float, start: int) -> SearchResult:
    """A page of hits; one without hits has no ``items`` and a message.

    Raises:
        MalformedResponse: the document is no search result.
    """
    answer = read_items(document, request_id, observed_at)
    return SearchResult(answer, _count(document.get("totalResults")), start)


def read_taxonomy(document: Any) -> list[Category]:
    """The categories at the top, with those below them. Entries without id or name are skipped.

    Raises:
        MalformedResponse: the document is no taxonomy.
    """
    return list(_categories(_list_of(document, "categories")))


def read_page(document: Any, request_id: str, observed_at: float) -> tuple[Answer, str | None]:
    """One page of the catalogue, and the link to the next one if there is one.

    Raises:
        MalformedResponse: the document is no page.
    """
    answer = read_items(document, request_id, observed_at)
    link = document.get("nextPage")
    ends = document.get("nextPageExist") in (False, "false")
    return answer, link if isinstance(link, str) and link and not ends else None


def _list_of(document: Any, key: str) -> list[Any]:
    if not isinstance(document, dict):
        raise MalformedResponse(f"the answer is a list; it must be an object with {key!r}")
    entries = document.get(key)
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise MalformedResponse(f"{key!r} is a {type(entries).__name__} ; it must be a list")
    return entries


def _item_id(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = value.strip() if isinstance(value, str) else str(value)
    return text if ITEM_ID.fullmatch(text) else None


def _count(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _categories(entries: Any) -> Iterator[Category]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("id") and isinstance(entry.get("name"), str):
            yield Category(
                str(entry["id"]),
                entry["name"],
                str(entry.get("path", "")),
                tuple(_categories(entry.get("children"))),
            )
