"""``python -m tests.bench.exports [--rows N]``: how fast exports are, and what memory they take.

Each format is exported by the command itself, in a process of its own; its peak memory is that of
its resident set, and beside it stands that of the same command on an empty collection.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from tests.export.documents import many
from walmart_stream.local.mongod import EmbeddedMongod
from walmart_stream.storage.mongo import INDEXES

FORMATS = ("csv", "ndjson", "parquet")
# The command, and then the most memory that it ever had: what the kernel counts for a child begins
# with its parent's.
PROGRAM = """
import sys
from walmart_stream.cli import cli
cli(standalone_mode=False)
sys.stderr.write(open("/proc/self/status").read())
"""
# Changes of one item.
EACH = 1_000


def fill(uri: str, rows: int) -> None:
    with MongoClient[dict[str, Any]](uri) as client:
        collection = client["walmart"].price_changes
        collection.create_indexes(INDEXES[collection.name])
        for first in range(0, rows, 100 * EACH):
            documents = many(items=min(100, (rows - first) // EACH), changes=EACH)
            for document in documents:
                item_id = str(int(document["item_id"]) + first // EACH)
                document["_id"] = f"{item_id}:featured:{document['_id'].rsplit(':', 1)[1]}"
                document["item_id"] = item_id
            collection.insert_many(documents, ordered=False)


def measure(uri: str, database: str, form: str, folder: Path) -> tuple[float, int, int]:
    """Seconds, peak resident kilobytes and rows of an export."""
    path = folder / f"{database}.{form}"
    environment = {**os.environ, "MONGODB_URI": uri, "MONGODB_DATABASE": database}
    started = time.monotonic()
    program = [sys.executable, "-c", PROGRAM, "export", "changes", "--out", path, "--json"]
    done = subprocess.run(program, env=environment, check=True, capture_output=True, text=True)
    seconds = time.monotonic() - started
    peak = int(done.stderr.split("VmHWM:")[1].split()[0])
    manifest = json.loads(path.with_name(f"{path.name}.manifest.json").read_bytes())
    path.unlink()
    return seconds, peak, manifest["rows"]


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    rows = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mongod = EmbeddedMongod(folder / "mongod")
        await mongod.start()
        try:
            fill(mongod.uri, rows)
            for form in FORMATS:
                _, idle, _ = measure(mongod.uri, "empty", form, folder)
                seconds, peak, written = measure(mongod.uri, "walmart", form, folder)
                print(
                    f"{form:8} {written:>10,} rows {written / seconds:>9,.0f} rows/s "
                    f"peak {peak / 1024:6.1f} MB, {(peak - idle) / 1024:5.1f} MB over none"
                )
        finally:
            await mongod.stop()


if __name__ == "__main__":
    asyncio.run(main())
