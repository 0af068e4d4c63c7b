"""Reports that unpack to what no memory holds are refused with a sentence, in bounded memory."""

from __future__ import annotations

import gzip
import io
import pickle
import subprocess
import sys
import zipfile

import pytest

from walmart_stream.domain.reading.csv_file import MAX_LINES

HEADER = b"SKU,Item ID\n"
LARGE = 80_000_000

# Reads what comes on standard input with this much more memory than a process has anyway.
READER = """
import pickle, resource, sys
from walmart_stream.walmart.errors import MalformedResponse
from walmart_stream.walmart.seller.report_file import rows
bombs = pickle.load(sys.stdin.buffer)
pages = int(open("/proc/self/statm").read().split()[0])
enough = pages * resource.getpagesize() + 128_000_000
resource.setrlimit(resource.RLIMIT_AS, (enough, enough))
for name, body in bombs.items():
    try:
        for row in rows(body, ("sku", "itemid")):
            pass
        print(f"{name}: {row.reason}")
    except MalformedResponse as exc:
        print(f"{name}: {exc}")
"""


def zipped(content: bytes, method: int = zipfile.ZIP_DEFLATED, names: int = 1) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name in range(names):
            archive.writestr(f"{name}.csv", content)
    return packed.getvalue()


def bombs() -> dict[str, bytes]:
    """By name. Not a constant: every process of a run imports this file."""
    return {
        "lines": gzip.compress(HEADER + b"\n" * LARGE),
        "rows": gzip.compress(HEADER + b"A,1\n" * (LARGE // 4)),
        "columns": gzip.compress(b"," * LARGE),
        "a row of columns": gzip.compress(HEADER + b"," * 150_000 + b"\n"),
        "a cell": gzip.compress(HEADER + b"x" * LARGE),
        "a cell of lines": gzip.compress(HEADER + b'"' + b"\n" * 500_000),
        "a row of lines": gzip.compress(HEADER + b'"x' + b'\n","x' * 100_000),
        "in two layers": gzip.compress(gzip.compress(HEADER + b"x" * LARGE)),
        "in a ZIP file": zipped(b"," * LARGE),
        "in a ZIP file of bzip2": zipped(HEADER + b"\n" * LARGE, zipfile.ZIP_BZIP2),
        "in a ZIP file of LZMA": zipped(HEADER + b"\n" * 1_000_000, zipfile.ZIP_LZMA),
        "files": zipped(b"", names=5_000),
        "not packed": HEADER + b"\n" * (MAX_LINES + 1),
        "quotes": HEADER + b'A,"1\n' * 100_000,
        "long quotes": HEADER + (b'A,"1' + b"x" * 800 + b"\n") * 20_000,
        "UTF-16": gzip.compress((HEADER + b"x" * (LARGE // 2)).decode().encode("utf-16")),
    }


@pytest.mark.skipif(sys.platform != "linux", reason="the limit of memory is one of Linux")
def test_bombs_are_refused_with_a_reason_in_bounded_memory() -> None:
    """674 bytes made 5.4 GB of rows; whatever a file unpacks to is counted before it is kept."""
    made = bombs()

    read = subprocess.run(
        [sys.executable, "-c", READER], input=pickle.dumps(made), capture_output=True, check=False
    )

    reasons = dict(line.split(": ", 1) for line in read.stdout.decode().splitlines())
    assert set(reasons) == set(made), read.stderr.decode()
