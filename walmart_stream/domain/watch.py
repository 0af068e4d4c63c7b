"""The watchlist: what to poll, as values of its topic and as CSV."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

import orjson
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from walmart_stream.domain.errors import BadTime, EmptyValue, MalformedJson, WrongShape
from walmart_stream.domain.reading.observation import ITEM_ID
from walmart_stream.domain.time import parse_iso, to_datetime, to_iso, to_ms

SCHEMA = 1
MAX_NOTE = 200
# Far more than an id and a note need, with room for other columns of an export.
MAX_LINE = 10_000


def _check_item_id(value: str) -> str:
    if not ITEM_ID.fullmatch(value):
        raise ValueError("a number of 1 to 20 digits without a leading zero is due")
    return value


def _check_note(value: str) -> str | None:
    # Notes are shown in terminals; Cs is what bytes that are not UTF-8 were read as.
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in value):
        raise ValueError("plain text in UTF-8, without control characters, is due")
    return value.strip() or None


ItemId = Annotated[
    str,
    AfterValidator(_check_item_id),
    Field(json_schema_extra={"pattern": f"^{ITEM_ID.pattern}$"}),
]
Note = Annotated[str, Field(max_length=MAX_NOTE), AfterValidator(_check_note)]


class WatchEntry(BaseModel):
    """An item to poll. ``added_at`` is when it was asked for, to the millisecond."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    item_id: ItemId
    note: Note | None = None
    added_at: AwareDatetime | None = None

    def fields(self) -> dict[str, Any]:
        """JSON fields; the time as ISO 8601."""
        added_at = None if self.added_at is None else to_iso(to_ms(self.added_at))
        return {"item_id": self.item_id, "note": self.note, "added_at": added_at}


class RowFault(NamedTuple):
    """A line of a CSV file that was not taken, and why."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


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
        raise EmptyValue("an entry is due, the value is empty")
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as exc:
        raise MalformedJson(f"not JSON: {str(exc)[:100]}") from None
    if not isinstance(fields, dict):
        raise WrongShape("an object is due")
    if fields.get("schema").__class__ is not int or fields["schema"] != SCHEMA:
        raise WrongShape("schema: 1 is due")
    if fields.get("item_id") != item_id:
        raise WrongShape("item_id: the key is due")
    added_at = fields.get("added_at")
    try:
        if added_at is not None:
            added_at = to_datetime(parse_iso(added_at))
        return WatchEntry(item_id=item_id, note=fields.get("note"), added_at=added_at)
    except ValidationError as exc:
        raise WrongShape(reason(exc)) from None
    except (TypeError, ValueError) as exc:
        raise BadTime(f"added_at: {str(exc)[:100]}") from None


def parse_csv(text: str) -> tuple[list[WatchEntry], list[RowFault]]:
    """The entries in *text*, and the lines that are not one.

    The first row names the columns (``item_id``, perhaps ``note``; others are passed over), or
    there are no names and one column. Of several rows for an item the last one counts, as in the
    topic. Every line is a row of its own, so that a quote that is never closed spoils only one.
    """
    entries: dict[str, WatchEntry] = {}
    faults: list[RowFault] = []
    columns: list[str] | None = None
    for number, line in enumerate(io.StringIO(text.removeprefix("\ufeff"), newline=None), 1):
        if not line.strip():
            continue
        try:
            cells = _cells(line)
            if columns is None:
                named = [cell.lower() for cell in cells]
                columns = named if "item_id" in named else ["item_id"]
                if columns is named:
                    continue
            if len(cells) > len(columns):
                raise ValueError(f"{len(cells)} columns instead of at most {len(columns)}")
            row = dict(zip(columns, cells, strict=False))
            entry = WatchEntry(item_id=row.get("item_id", ""), note=row.get("note") or None)
        except ValidationError as exc:
            faults.append(RowFault(number, reason(exc)))
        except (csv.Error, ValueError) as exc:
            faults.append(RowFault(number, str(exc)))
        else:
            entries[entry.item_id] = entry
    return list(entries.values()), faults


def reason(error: ValidationError) -> str:
    """The first fault of *error*, with the field's name; without the value."""
    detail = error.errors(include_input=False, include_url=False)[0]
    field = ".".join(str(part) for part in detail["loc"])
    message = detail["msg"].removeprefix("Value error, ")
    return f"{field}: {message}" if field else message


def _cells(line: str) -> list[str]:
    if len(line) > MAX_LINE:
        raise ValueError(f"longer than {MAX_LINE} characters")
    return [cell.strip() for cell in next(csv.reader([line.rstrip("\n")], strict=True))]
