"""Documents as CSV and as NDJSON."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from walmart_stream.export.fields import Exported, Field, Kind
from walmart_stream.storage.rows import cells_of, csv_line, to_json

Document = Mapping[str, Any]
Read = Callable[[Document], Any]

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
        self._columns = list(_columns(kind.fields))
        self._mark = BYTE_ORDER_MARK if with_mark else b""

    def begin(self) -> bytes:
        return self._mark + _line(name for name, _ in self._columns)

    def encode(self, documents: Sequence[Document]) -> bytes:
        reads = [read for _, read in self._columns]
        return b"".join(_line(cells_of(read(document) for read in reads)) for document in documents)

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


def _line(cells: Iterable[str]) -> bytes:
    return (csv_line(cells) + "\r\n").encode()


def _columns(
    fields: Iterable[Field], prefix: str = "", parent: Read = lambda document: document
) -> Iterator[tuple[str, Read]]:
    for field in fields:
        if field.name == "_id":
            continue
        name, read = prefix + field.name, _reader(field, parent)
        if isinstance(field.kind, tuple):
            yield from _columns(field.kind, f"{name}_", read)
        else:
            yield name, read


def _reader(field: Field, parent: Read) -> Read:
    name = field.name

    def read(document: Document) -> Any:
        holder = parent(document)
        return None if holder is None else holder.get(name)

    def words(document: Document) -> Any:
        values = read(document)
        return None if values is None else " ".join(values)

    return words if field.kind is Kind.TEXTS else read
