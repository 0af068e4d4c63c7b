"""Documents as CSV and as NDJSON."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from walmart_stream.export.fields import Exported, Field, Kind
from walmart_stream.storage.rows import csv_line, csv_record, to_json

Document = Mapping[str, Any]
Read = Callable[[Document | None], list[Any]]

# Excel takes a file without it for one in the reader's code page.
BYTE_ORDER_MARK = codecs.BOM_UTF8


class Encoder(Protocol):
    """Makes the bytes of a file: ``begin``, then ``encode`` as often as you like, then ``end``."""

    def begin(self) -> bytes: ...

    def encode(self, documents: Sequence[Document]) -> bytes: ...

    def end(self) -> bytes: ...


class Csv:
    """A header line, then one line a document: RFC 4180, unknown is an empty cell.

    A field of a field is a column of both names: ``previous_seller``. The database's ``_id``,
    which repeats the others, is none.
    """

    def __init__(self, kind: Exported, *, with_mark: bool = False) -> None:
        self._header = csv_line(_names(kind.fields))
        self._read = _reader(kind.fields)
        self._mark = BYTE_ORDER_MARK if with_mark else b""

    def begin(self) -> bytes:
        return self._mark + f"{self._header}\r\n".encode()

    def encode(self, documents: Sequence[Document]) -> bytes:
        read = self._read
        return "".join([f"{csv_record(read(document))}\r\n" for document in documents]).encode()

    def end(self) -> bytes:
        return b""


class Ndjson:
    """One JSON document a line, as it is stored; times as ISO 8601 in UTC."""

    def __init__(self, kind: Exported) -> None:
        pass

    def begin(self) -> bytes:
        return b""

    def encode(self, documents: Sequence[Document]) -> bytes:
        return b"".join(to_json(document) + b"\n" for document in documents)

    def end(self) -> bytes:
        return b""


def _names(fields: Iterable[Field], prefix: str = "") -> Iterator[str]:
    for field in fields:
        if isinstance(field.kind, tuple):
            yield from _names(field.kind, f"{prefix}{field.name}_")
        elif field.name != "_id":
            yield prefix + field.name


def _reader(fields: Iterable[Field]) -> Read:
    """Reads a document's values in the order of :func:`_names`."""
    steps = [_step(field) for field in fields if field.name != "_id"]
    width = sum(1 for _ in _names(fields))
    nothing: list[Any] = [None] * width

    def read(document: Document | None) -> list[Any]:
        if document is None:
            return nothing
        values: list[Any] = []
        for name, inner, is_words in steps:
            value = document.get(name)
            if inner is not None:
                values += inner(value)
            elif is_words and value is not None:
                values.append(" ".join(value))
            else:
                values.append(value)
        return values

    return read


def _step(field: Field) -> tuple[str, Read | None, bool]:
    inner = _reader(field.kind) if isinstance(field.kind, tuple) else None
    return field.name, inner, field.kind is Kind.TEXTS
