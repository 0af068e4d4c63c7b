"""The database in which a worker has its tables on disk, all partitions of all of them.

Faust opens one for each partition of each table. That makes 72 of them at every start, which sync
some files each: together they took longer than joining the group.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from walmart_stream.runtime.failure import end_process

# Bytes written until a file of them is made. A start reads once more what was written since then:
# twice as many would take up to 0.3 s longer, half as many make more files to be merged.
WRITE_BUFFER = 32 * 1024 * 1024

# Bytes of what was read last. States that are asked for often are kept decoded anyway.
READ_CACHE = 64 * 1024 * 1024

# Of a key's hash. One look in a hundred for a key that is not in a file reads the file in vain.
BLOOM_BITS = 10

# How long the predecessor may take to end (seconds): it holds the lock until then.
PATIENCE, LOOK_INTERVAL = 30.0, 0.2


class Disk:
    """One RocksDB database in *folder*, opened when it is first used. It may be used by threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opening = threading.Lock()
        self._database: Any = None

    def open(self) -> Any:
        """The database; another process that has it open is waited for.

        Ends the process where it cannot be opened: without its folder, everything in it is
        restored from the changelogs.
        """
        import rocksdict

        with self._opening:
            end = time.monotonic() + PATIENCE
            while self._database is None:
                try:
                    self._database = rocksdict.Rdict(str(self._folder), options=_options())
                except Exception as exc:  # the binding has no class of its own
                    if "lock" not in str(exc) or time.monotonic() > end:
                        end_process(f"its tables in {self._folder} cannot be opened: {exc}")
                    time.sleep(LOOK_INTERVAL)
            return self._database

    def close(self) -> None:
        """Let the next one open it; whoever uses it after that opens it again."""
        with self._opening:
            if self._database is not None:
                self._database.close()
                self._database = None

    def get(self, key: bytes) -> bytes | None:
        """The value of *key*."""
        value: bytes | None = (self._database or self.open()).get(key)
        return value

    def between(self, first: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Keys from *first* on and before *end*, in order, with their values, as they are now."""
        import rocksdict

        until = rocksdict.ReadOptions()
        until.set_iterate_upper_bound(end)
        found: Iterator[tuple[bytes, bytes]] = self.open().items(from_key=first, read_opt=until)
        return found

    def batch(self) -> Any:
        """An empty batch; ``put``, ``delete`` and ``delete_range`` add to it."""
        import rocksdict

        return rocksdict.WriteBatch(raw_mode=True)

    def write(self, batch: Any) -> None:
        """Write *batch*, which survives a crash as a whole or not at all."""
        self.open().write(batch)


def _options() -> Any:
    import rocksdict

    tables = rocksdict.BlockBasedOptions()
    tables.set_bloom_filter(BLOOM_BITS, block_based=False)
    tables.set_block_cache(rocksdict.Cache(READ_CACHE))
    options = rocksdict.Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(tables)
    options.set_write_buffer_size(WRITE_BUFFER)
    # Its own log, of which each start begins a new one.
    options.set_keep_log_file_num(2)
    return options
