"""The files of reports: CSV, packed in several ways, under headers of several spellings. Pure."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from walmart_stream.domain.errors import BadInput
from walmart_stream.domain.item_id import item_id_in
from walmart_stream.domain.reading.csv_file import NoHeader, Record, RecordFault, decode, read_csv
from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.gzip_members import DamagedGzip, gunzip, most_of
from walmart_stream.walmart.seller import fields as read

# Bytes of a report, unpacked. One of 100,000 items has some 20 MB; more than this would cost a
# worker hundreds of megabytes to read.
LARGEST_FILE = 64 * 1024 * 1024

_FIRST_LINE = re.compile(rb"[\r\n]*[^\r\n]*")

# How names of tables end, and of files in which there may be one.
_TABLES = (".csv", ".tsv", ".tab", ".gz", ".zip")

# Files in a ZIP file that are looked at.
MOST_FILES = 100
# Files that one may hold. Python makes an object of each.
MOST_LISTED = 1_000
_LISTED = b"PK\x01\x02"

# A gzip file in a ZIP file has been seen; deeper is somebody's joke.
DEEPEST_PACKING = 3


def rows(body: bytes, needed: tuple[str, ...]) -> Iterator[Record | RecordFault]:
    """The rows of a report that have anything in them, and its lines that are not rows.

    *needed* columns, in the ``spelling`` of ``seller_values``, must be there. Of the files in a ZIP
    file all that have them are read.

    Raises:
        MalformedResponse: it is no such file, it is damaged, or it is larger than a report can be.
    """
    headers: list[str] = []

    def header_of(cells: Sequence[str]) -> Sequence[str] | None:
        headers[:] = cells or headers
        columns = {read.spelling(cell) for cell in cells}
        return cells if columns.issuperset(needed) else None

    def is_row(cells: Sequence[str]) -> bool:
        columns = [read.spelling(header) for header in headers]
        return item_id_in(cells[columns.index("itemid")]) is not None

    found = False
    for content in _contents(body, most_of(len(body), LARGEST_FILE)):
        try:
            yield from read_csv(decode(content), header_of, is_row=is_row)
            found = True
        except NoHeader:
            continue
        except BadInput as exc:
            raise MalformedResponse(f"the report cannot be read: {exc}") from None
    if not found:
        raise MalformedResponse(
            f"the report needs the columns {', '.join(needed)}; it has {', '.join(headers)[:200]!r}"
        )


def _contents(body: bytes, most: int, depth: int = 0) -> list[bytes]:
    """The files in *body*, unpacked, the CSV files before others; together at most *most* bytes."""
    if depth < DEEPEST_PACKING:
        if body.startswith(b"PK\x03\x04"):
            contents = [
                inner
                for file in _from_zip(body, most)
                for inner in _contents(file, most, depth + 1)
            ]
            if sum(map(len, contents)) > most:
                raise _too_large(most)
            return contents
        if body.startswith(b"\x1f\x8b"):
            return _contents(_from_gzip(body, most), most, depth + 1)
    return [] if _is_binary(body) else [body]


def _is_binary(body: bytes) -> bool:
    # In a header no zero byte can stand; in a cell one is a stray control character.
    start = b"".join(_FIRST_LINE.findall(body[:1000], 0)[:1])
    return b"\0" in start and not (
        start.startswith((b"\xff\xfe", b"\xfe\xff"))
        or start[1:4:2] == b"\0\0"
        or start[:3:2] == b"\0\0"
    )


def _from_zip(body: bytes, most: int) -> list[bytes]:
    contents = []
    left = most
    if body.count(_LISTED) > MOST_LISTED:
        raise MalformedResponse(f"the report is a ZIP file of more than {MOST_LISTED} files")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            # Without tables among them, any file may be one.
            tables = [info for info in files if info.filename.lower().endswith(_TABLES)]
            for info in (tables or files)[:MOST_FILES]:
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    # Of the others, Python unpacks a piece at once, however large it becomes.
                    raise MalformedResponse("the report is a ZIP file not packed by deflate")
                with archive.open(info) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise _too_large(most)
                contents.append(content)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as exc:
        raise MalformedResponse(f"the report is a damaged ZIP file: {str(exc)[:100]}") from None
    if not contents:
        raise MalformedResponse("the report is an empty ZIP file")
    return contents


def _from_gzip(body: bytes, most: int) -> bytes:
    try:
        content = gunzip(body, most + 1)
    except DamagedGzip:
        raise MalformedResponse("the report is a damaged gzip file") from None
    if len(content) > most:
        raise _too_large(most)
    return content


def _too_large(most: int) -> MalformedResponse:
    return MalformedResponse(f"the report unpacks to more than {most} bytes")
