"""The files of reports: CSV, packed in several ways, under headers of several spellings. Pure."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.seller import fields as read

# A report of 100,000 items is some 20 MB. What unpacks to more is not what we asked for.
LARGEST_FILE = 256 * 1024 * 1024

# A gzip file in a ZIP file has been seen; deeper is somebody's joke.
DEEPEST_PACKING = 3


class Row(NamedTuple):
    """A row: ``cells`` by the ``spelling`` of their columns, without empty ones.

    ``delivered`` are all of them by the headers as they stand in the file.
    """

    cells: dict[str, str]
    delivered: dict[str, str]


def rows(body: bytes, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """The ``cells`` of :func:`lines`; raises as it does."""
    return (line.cells for line in lines(body, needed))


def lines(body: bytes, needed: tuple[str, ...]) -> Iterator[Row]:
    """The rows of a file that have anything in them.

    *needed* columns, so spelt, must be there.

    Raises:
        MalformedResponse: it is no such file, or damaged.
    """
    # A header cell may be quoted, and Excel puts a mark before the first one.
    text = _decoded(_unpacked(body))
    header = text.partition("\n")[0]
    delimiter = max(",\t;|", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        headers = next(reader, [])
        columns = [read.spelling(name) for name in headers]
        if missing := [name for name in needed if name not in columns]:
            raise MalformedResponse(
                f"the report has no column {', '.join(missing)}; it has {header.strip()[:200]!r}"
            )
        for cells in reader:
            row: dict[str, str] = {}
            for name, cell in zip(columns, cells, strict=False):
                if not read.is_nothing(cell):
                    row.setdefault(name, cell.strip())
            if row:
                yield Row(row, dict(zip(headers, cells, strict=False)))
    except csv.Error as exc:
        raise MalformedResponse(f"the report is no CSV file: {exc}") from None


def _unpacked(body: bytes) -> bytes:
    for _ in range(DEEPEST_PACKING):
        if body.startswith(b"PK\x03\x04"):
            body = _from_zip(body)
        elif body.startswith(b"\x1f\x8b"):
            body = _from_gzip(body)
        else:
            break
    if b"\0" in body[:1000] and not body.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise MalformedResponse("the report is neither CSV nor ZIP nor gzip")
    return body


def _from_zip(body: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            # Of several, such as a notice beside the report, the CSV, or else the largest.
            files.sort(key=lambda i: (i.filename.lower().endswith((".csv", ".gz")), i.file_size))
            if not files:
                raise MalformedResponse("the report is an empty ZIP file")
            with archive.open(files[-1]) as file:
                content = file.read(LARGEST_FILE + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as exc:
        raise MalformedResponse(f"the report is a damaged ZIP file: {str(exc)[:100]}") from None
    return _bounded(content)


def _from_gzip(body: bytes) -> bytes:
    decompressor = zlib.decompressobj(wbits=31)
    try:
        content = decompressor.decompress(body, LARGEST_FILE + 1)
    except zlib.error:
        content = b""
    content = _bounded(content)
    if not decompressor.eof:
        raise MalformedResponse("the report is a damaged gzip file")
    return content


def _bounded(content: bytes) -> bytes:
    if len(content) > LARGEST_FILE:
        raise MalformedResponse(f"the report unpacks to more than {LARGEST_FILE} bytes")
    return content


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")
