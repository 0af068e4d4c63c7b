"""Documents as Apache Parquet, by pyarrow, which is installed with the extra ``parquet``."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from walmart_stream.export.fields import Exported, Field, Kind

Document = Mapping[str, Any]

# Rows that are compressed together: more are smaller and take more memory.
GROUP = 10_000


class NoParquet(Exception):
    """pyarrow is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Parquet needs pyarrow: pip install 'walmart-stream[parquet]', "
            "or choose --format csv or ndjson"
        )


class Parquet:
    """A column for each field; a field of fields is a struct, times are UTC milliseconds.

    Raises:
        NoParquet: pyarrow is not installed.
    """

    def __init__(self, kind: Exported) -> None:
        # Imported late: it takes a quarter of a second and 60 MB.
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise NoParquet from None
        self._arrow = pyarrow
        self._schema = _schema(pyarrow, kind.fields)
        self._sink = _Sink()
        self._writer = parquet.ParquetWriter(self._sink, self._schema, compression="zstd")
        self._waiting: list[Document] = []

    def begin(self) -> bytes:
        return self._sink.take()

    def encode(self, documents: Sequence[Document]) -> bytes:
        self._waiting += documents
        if len(self._waiting) >= GROUP:
            self._write()
        return self._sink.take()

    def end(self) -> bytes:
        if self._waiting:
            self._write()
        self._writer.close()
        return self._sink.take()

    def _write(self) -> None:
        table = self._arrow.Table.from_pylist(self._waiting, schema=self._schema)
        self._waiting = []
        self._writer.write_table(table, row_group_size=GROUP)


class _Sink(io.RawIOBase):
    """Bytes on their way: written, and not yet taken."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        piece = bytes(data)
        self._written.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def take(self) -> bytes:
        taken = b"".join(self._written)
        self._written = []
        return taken


def _schema(arrow: Any, fields: Iterable[Field]) -> Any:
    return arrow.schema([(field.name, _type(arrow, field)) for field in fields])


def _type(arrow: Any, field: Field) -> Any:
    match field.kind:
        case Kind.TEXT:
            return arrow.string()
        case Kind.INTEGER:
            return arrow.int64()
        case Kind.NUMBER:
            return arrow.float64()
        case Kind.FLAG:
            return arrow.bool_()
        case Kind.TIME:
            return arrow.timestamp("ms", tz="UTC")
        case Kind.TEXTS:
            return arrow.list_(arrow.string())
        case tuple() as fields:
            return arrow.struct([(inner.name, _type(arrow, inner)) for inner in fields])
