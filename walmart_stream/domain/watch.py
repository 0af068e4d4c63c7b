"""The watchlist: what to poll, as values of its topic and as CSV."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from walmart_stream.domain.errors import BadInput, BadTime, EmptyValue, MalformedJson, WrongShape
from walmart_stream.domain.item_id import RIGHT, item_id_in
from walmart_stream.domain.reading.csv_file import NoHeader, RecordFault, read_csv
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.reading.seller_values import spelling
from walmart_stream.domain.tags import LONGEST_TAG, MOST_TAGS, tags_in, tags_of
from walmart_stream.domain.time import parse_iso, to_datetime, to_iso, to_ms

SCHEMA = 1
MAX_NOTE = 200
# Headings by their spelling, the ones that say most first. Walmart's own files have "Item ID".
_ID_COLUMNS = (
    *("itemid", "walmartitemid", "wmitemid", "usitemid", "item", "id"),
    *("url", "link", "itemurl", "itempageurl", "producturl"),
)
_NOTE_COLUMNS = ("note", "notes", "comment")
_TAG_COLUMNS = ("tags", "tag", "labels")


def _check_item_id(value: str) -> str:
    if not ITEM_ID.fullmatch(value):
        raise ValueError("must be 1–20 digits without a leading zero")
    return value


def _check_note(value: str) -> str | None:
    # Notes are shown in terminals; Cs is what bytes that are not UTF-8 were read as.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("must be plain text in UTF-8, without control characters")
    return value.strip() or None


ItemId = Annotated[
    str,
    AfterValidator(_check_item_id),
    Field(json_schema_extra={"pattern": f"^{ITEM_ID.pattern}$"}),
]
Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_check_note)]
# Each as it is written, before it is brought into its form.
Tags = Annotated[
    tuple[Annotated[str, Field(max_length=10 * LONGEST_TAG)], ...],
    Field(max_length=10 * MOST_TAGS),
    AfterValidator(tags_of),
]


class WatchEntry(BaseModel):
    """An item to poll. ``added_at`` is when it was asked for, to the millisecond."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: ItemId
    note: Note | None = None
    added_at: AwareDatetime | None = None
    tags: Tags = ()

    def fields(self) -> dict[str, Any]:
        """JSON fields; the time as ISO 8601."""
        added_at = None if self.added_at is None else to_iso(to_ms(self.added_at))
        return {
            "item_id": self.item_id,
            "note": self.note,
            "added_at": added_at,
            "tags": list(self.tags),
        }


class RowFault(NamedTuple):
    """A line of a CSV file that was not taken, why, and what would be right."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


def shown(text: str) -> str:
    """The beginning of a text from outside, in quotes, safe for a terminal."""
    return repr(text if len(text) <= 60 else f"{text[:60]}…")


def stamped(entries: Iterable[WatchEntry], now: datetime) -> list[WatchEntry]:
    """*entries*, those without a time with *now*."""
    return [
        entry.model_copy(update={"added_at": entry.added_at or now.astimezone(UTC)})
        for entry in entries
    ]


def encode_entry(entry: WatchEntry) -> bytes:
    """The watchlist topic's value."""
    return orjson.dumps({"schema": SCHEMA, **entry.fields()})


def decode_entry(item_id: str, value: bytes | None) -> WatchEntry:
    """The entry of a record whose key is *item_id*. Fields of later versions are left out.

    Raises:
        BadInput: the value is no entry of this item; the class and message say why.
    """
    if not value:
        raise EmptyValue("the value is empty; it must be an entry")
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    if not isinstance(fields, dict):
        raise WrongShape("an entry must be an object")
    if fields.get("schema").__class__ is not int or fields["schema"] != SCHEMA:
        raise WrongShape("schema: must be 1")
    if fields.get("item_id") != item_id:
        raise WrongShape("item_id: must be the key")
    added_at = fields.get("added_at")
    try:
        if added_at is not None:
            added_at = to_datetime(parse_iso(added_at))
        return WatchEntry(
            item_id=item_id,
            note=fields.get("note"),
            added_at=added_at,
            tags=fields.get("tags") or (),
        )
    except ValidationError as exc:
        raise WrongShape(reason(exc)) from None
    except (TypeError, ValueError) as exc:
        raise BadTime(f"added_at: {str(exc)[:100]}") from None


_TIME = to_iso(0).encode()
_BEFORE_ID, _, _REST = encode_entry(WatchEntry(item_id="1", added_at=to_datetime(0))).partition(
    b'1","'
)
_BEFORE_TIME, _, _AFTER_TIME = _REST.partition(_TIME)


def around_time(item_id: bytes) -> tuple[bytes, bytes]:
    """The bytes before and behind the time in an entry that has neither note nor tags."""
    return _BEFORE_ID + item_id + b'","' + _BEFORE_TIME, _AFTER_TIME


# Bytes of a time in epoch ms: until the year 10,000 or so.
_TIME_BYTES = 6


def shorten(item_id: bytes, value: bytes) -> bytes:
    """*value* of the watchlist in few bytes, where it says the time alone, as we write it."""
    before, after = around_time(item_id)
    if value.startswith(before) and value.endswith(after, len(before)):
        try:
            at = parse_iso(value[len(before) : -len(after)].decode("ascii"))
        except ValueError:
            return value
        if before + to_iso(at).encode() + after == value:
            return b"\0" + at.to_bytes(_TIME_BYTES)
    # An entry is JSON, which begins with another byte; the rest is not trusted to.
    return b"\1" + value if value[:1] in (b"\0", b"\1") else value


def lengthen(item_id: bytes, kept: bytes) -> bytes:
    """The inverse of :func:`shorten`."""
    if kept[:1] == b"\0":
        before, after = around_time(item_id)
        return before + to_iso(int.from_bytes(kept[1:])).encode() + after
    return kept.removeprefix(b"\1")


def parse_csv(text: str) -> tuple[list[WatchEntry], list[RowFault]]:
    """The entries in *text*, and the rows that are not one.

    The first row names the columns (an item id, perhaps a note and tags, which commas, semicolons
    or bars separate; others are passed over), in any
    dialect that :mod:`walmart_stream.domain.reading.csv_file` reads; or there are no names, and
    the columns are item id and note. Of several rows for an item the last one counts, as in the
    topic.
    """
    entries: dict[str, WatchEntry] = {}
    faults: list[RowFault] = []
    try:
        for row in read_csv(text, _Header(), short_rows=True):
            if isinstance(row, RecordFault):
                faults.append(RowFault(row.line, f"{row.reason}: {shown(row.text)}"))
                continue
            written = next((row.cells[name] for name in _ID_COLUMNS if name in row.cells), "")
            item_id = item_id_in(written)
            if item_id is None:
                faults.append(RowFault(row.line, f"item_id {shown(written)}: {RIGHT}"))
                continue
            try:
                note = next((row.cells[name] for name in _NOTE_COLUMNS if name in row.cells), None)
                tags = next((row.cells[name] for name in _TAG_COLUMNS if name in row.cells), "")
                entries[item_id] = WatchEntry(item_id=item_id, note=note, tags=tags_in(tags))
            except ValidationError as exc:
                faults.append(RowFault(row.line, reason(exc)))
            except ValueError as exc:
                faults.append(RowFault(row.line, f"tags {shown(tags)}: {exc}"))
    except NoHeader as exc:
        faults.append(RowFault(1, f"{exc}; name the column with the item ids item_id"))
    except BadInput as exc:
        faults.append(RowFault(1, str(exc)))
    return list(entries.values()), faults


class _Header:
    """Accepts a row that names a column of item ids, or a first row that begins with one."""

    def __init__(self) -> None:
        self._first: Sequence[str] = ()

    def __call__(self, cells: Sequence[str]) -> Sequence[str] | None:
        if cells:
            # The dialect that makes most columns of it is asked for first.
            self._first = self._first or cells
            return cells if {spelling(c) for c in cells}.intersection(_ID_COLUMNS) else None
        if len(self._first) > 1 and item_id_in(self._first[0]) is None:
            return None
        others = (str(number) for number in range(3, len(self._first) + 1))
        return ("item_id", "note", *others)


def reason(error: ValidationError) -> str:
    """The first fault of *error*, with the field's name and, of an item id, what was given."""
    detail = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    if field.endswith("item_id") and isinstance(detail["input"], str):
        field += f" {shown(detail['input'])}"
    return f"{field}: {message}" if field else message
