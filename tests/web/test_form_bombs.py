"""Forms, files and queries that would unpack to more than they are: refused, in bounded memory."""

from __future__ import annotations

import resource
import sys
import zlib
from collections.abc import Iterator

import pytest

from walmart_stream.web.inputs import MAX_ENTRIES

BODY = 900_000
END = b"\r\n--b--\r\n"
MEGABYTES = 1_000_000


def packed() -> bytes:
    """200 MB that are 200 kB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(bytes(MEGABYTES)) for _ in range(200)) + packer.flush()


def part(name: bytes, content: bytes, headers: bytes = b"", file: bytes = b"") -> bytes:
    filename = b'; filename="' + file + b'"' if file else b""
    head = b'Content-Disposition: form-data; name="' + name + b'"' + filename
    return b"--b\r\n" + head + b"\r\n" + headers + b"\r\n" + content + b"\r\n"


def csv_file(content: bytes) -> bytes:
    return part(b"file", content, file=b"x.csv")[:-2] + END


GZIP = b"Content-Encoding: gzip\r\n"
NESTED = b"--b\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" + b"".join(
    b"--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n" % (number, number + 1)
    for number in range(2_000)
)


def forms() -> Iterator[tuple[str, bytes, int]]:
    """Name, body and due status of each. Made only here: every process of a run imports this."""
    bomb = packed()
    yield "files", b"".join(part(b"f%d" % n, b"x", file=b"a") for n in range(9_000)) + END, 413
    yield "fields", b"".join(part(b"f%d" % n, b"x") for n in range(9_000)) + END, 413
    yield "a field twice", part(b"text", b"1") * 2 + END, 400
    yield "a compressed field", part(b"text", bomb, GZIP) + END, 400
    yield "a compressed file", part(b"file", bomb, GZIP, b"x.csv") + END, 400
    yield "headers of a part", b"--b\r\n" + b"X-A: b\r\n" * (BODY // 8) + b"\r\n" + END, 400
    yield "parts in parts", NESTED + b"x", 400
    yield "a file of lines", csv_file(b"item_id\n" + b"\n" * 390_000), 400
    yield "a file of columns", csv_file(b"," * 390_000), 400
    yield "a file of one cell", csv_file(b'item_id\n"' + b"\n" * 390_000), 400
    yield "a file of tags", csv_file(b"item_id,tags\n123," + b"a;" * 190_000), 400
    yield "no end", b"--b\r\nContent-Disposition: form-data", 400


@pytest.mark.skipif(sys.platform != "linux", reason="memory is counted as Linux does")
async def test_forms_are_refused_before_they_unpack(site) -> None:
    """By their parts, their bytes and their lines; nothing of them is taken."""
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Origin": site.url}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    statuses, due = {}, {}

    for name, body, status in forms():
        due[name] = status
        async with site.client.post("/watchlist/import", data=body, headers=headers) as response:
            statuses[name] = response.status
            assert len(await response.read()) < MEGABYTES

    assert statuses == due
    assert site.live.watchlist == {}
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 150 * MEGABYTES


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/items/42/series?points=1000000000", "points"),
        ("/api/items/42/series?points=-1", "points"),
        ("/api/items/42/series?from=1970-01-01&to=9999-12-31T23:59:59Z", "to"),
        ("/api/items/42/series?offers=" + ",".join("x" * 9 for _ in range(400)), "offers"),
        ("/api/items/42/history?limit=1000000000", "limit"),
        ("/api/export/changes?item=" + ",".join(str(n) for n in range(10**9, 10**9 + 600)), "item"),
        ("/api/export/changes?from=0840-01-01", "from"),
        ("/api/export/changes?format=parquet", "format"),
        ("/api/items?limit=1000000000", "limit"),
        ("/api/dead-letters?limit=1000000000", "limit"),
        ("/api/items/42?at=10000-01-01", "at"),
        ("/api/items/42?at=0840-01-01T00:00:00Z", "at"),
    ],
)
async def test_queries_have_bounds(site, path, named) -> None:
    """Before anything is read for them, here without a database; the parameter is named."""
    assert named in await site.error(path, 400)


@pytest.mark.parametrize(
    "body",
    [
        b'{"items":[' + b"1," * 400_000 + b"1]}",
        b'{"items":[' + b"[]," * 300_000 + b"1]}",
        b'{"item_id":"42","tags":[' + b'"a",' * 225_000 + b'"a"]}',
        b"[" * 500_000,
    ],
)
async def test_no_more_values_are_made_of_a_body_than_it_may_have(site, body) -> None:
    """They are counted first; nesting that nobody needs is refused as well."""
    error = await site.error(
        "/api/watchlist", 400, "POST", data=body, headers={"Content-Type": "application/json"}
    )

    assert str(MAX_ENTRIES) in error or "tags" in error or "not JSON" in error
